-- Adds a revocation to the log. KEYS: log, until; ARGV: ms that it is kept (0: until the token's
-- end), the token's end (ms since 1970), what is revoked. Answers the moment of the revocation.
-- Members are "<at> <until> <what>", in both sets; in the log they are ordered as they came.
local LOG, UNTIL = KEYS[1], KEYS[2]
local FORGOTTEN = 1000  -- entries that one call forgets
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = tonumber(ARGV[1])
local ends = kept > 0 and now + kept or tonumber(ARGV[2])
local entry = string.format('%d %d %s', now, ends, ARGV[3])
local over = redis.call('ZRANGE', UNTIL, '-inf', now, 'BYSCORE', 'LIMIT', 0, FORGOTTEN)
local last = redis.call('ZRANGE', LOG, -1, -1, 'WITHSCORES')
redis.call('ZADD', LOG, (last[2] or 0) + 1, entry)
redis.call('ZADD', UNTIL, ends, entry)
for _, gone in ipairs(over) do
  redis.call('ZREM', LOG, gone)
  redis.call('ZREM', UNTIL, gone)
end
return now
