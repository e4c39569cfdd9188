-- Takes a token from a bucket, if there is one. KEYS: the bucket; ARGV: ms in which a token comes
-- back, how many the bucket holds, operation id. Answers 0, or the ms until there is a token.
-- All that is kept is the moment when the bucket will be full again, and then nothing need be.
local BUCKET, period, burst, op = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] .. ';'
local OPS_KEPT = 16
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', BUCKET, 'full', 'ops')
local ops = stored[2] or ''
if ops:find(op, 1, true) then return 0 end  -- a repeated call has its token
local full = math.max(tonumber(stored[1] or 0), now) + period
local wait = full - burst * period - now
if wait > 0 then return wait end
redis.call('HSET', BUCKET, 'full', full, 'ops', (op .. ops):sub(1, OPS_KEPT * #op))
redis.call('PEXPIRE', BUCKET, full - now)
return 0
