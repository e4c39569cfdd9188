-- Ended jobs that somebody would be told about, and whose view a client at a cursor has.
-- KEYS feed, outbox, user, epoch; ARGV: epoch, seq, how many of the most recently changed jobs.
-- Further back nothing is certain: at this cursor the client may have begun, with so many jobs.
local FEED, OUTBOX, USER, EPOCH = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, seq, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('GET', EPOCH) ~= epoch then return {} end
if seq > tonumber(redis.call('HGET', USER, 'seq') or 0) then return {} end
local recent = redis.call('ZRANGE', FEED, 0, limit - 1, 'REV', 'WITHSCORES')
local proven = {}
for i = 1, #recent, 2 do
  if tonumber(recent[i + 1]) <= seq and redis.call('ZSCORE', OUTBOX, recent[i]) then
    proven[#proven + 1] = recent[i]
  end
end
return proven
