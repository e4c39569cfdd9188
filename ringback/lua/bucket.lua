-- Takes a token from a bucket, if there is one. KEYS: the bucket; ARGV: ms in which a token comes
-- back, how many the bucket holds, operation id, and 'book' to take the next one in any case. Answers
-- 0, or the ms until there is a token (where it is booked: until one's own).
-- All that is kept is the moment when the bucket will be full again, and then nothing need be.
local BUCKET, period, burst, op = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local OPS_KEPT = 16
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', BUCKET, 'full', 'ops')
local ops = stored[2] or ''
local known = ops:match(op .. '=(%d+);')  -- a repeated call has its token
if known then return math.max(0, known - now) end
local full = math.max(tonumber(stored[1] or 0), now) + period
local wait = full - burst * period - now
if wait > 0 and ARGV[4] ~= 'book' then return wait end
local entry = string.format('%s=%013d;', op, now + wait)
redis.call('HSET', BUCKET, 'full', full, 'ops', (entry .. ops):sub(1, OPS_KEPT * #entry))
redis.call('PEXPIRE', BUCKET, full - now)
return math.max(0, wait)
