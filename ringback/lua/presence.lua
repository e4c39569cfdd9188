-- Leases of a user's connections. KEYS: presence; ARGV: lease ms (0: leave), connection ids.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 2, #ARGV do
  if lease > 0 then
    redis.call('ZADD', KEYS[1], now + lease, ARGV[i])
  else
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
if lease > 0 then redis.call('PEXPIRE', KEYS[1], 2 * lease) end
return redis.call('ZCARD', KEYS[1])
