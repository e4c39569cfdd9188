-- What operators must know and mend. KEYS: the alerts by when they last sounded, the prefix of their
-- records; ARGV: action, …
-- sound  name, text, operation, ms kept, most -> how often it sounded  beyond `most` the quietest goes
-- settle name                                 -> 1 if it was open, else 0
-- open   ms kept                              -> {name, text, since, last, count, …} the latest first
local INDEX, PREFIX = KEYS[1], KEYS[2]
local action, name = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget(names)
  for _, gone in ipairs(names) do
    redis.call('DEL', PREFIX .. gone)
    redis.call('ZREM', INDEX, gone)
  end
end

if action == 'settle' then
  local open = redis.call('ZSCORE', INDEX, name)
  forget({name})
  return open and 1 or 0
end

local kept = tonumber(action == 'open' and ARGV[2] or ARGV[5])
local function forget_old()
  forget(redis.call('ZRANGE', INDEX, '-inf', now - kept, 'BYSCORE', 'LIMIT', 0, 1000))
end

if action == 'sound' then
  local record, op = PREFIX .. name, ARGV[4]
  local stored = redis.call('HMGET', record, 'op', 'count')
  if stored[1] == op then return tonumber(stored[2]) end  -- a repeated call
  forget_old()
  if redis.call('EXISTS', record) == 0 then redis.call('HSET', record, 'since', now) end
  redis.call('HSET', record, 'text', ARGV[3], 'last', now, 'op', op)
  redis.call('PEXPIRE', record, kept)
  redis.call('ZADD', INDEX, now, name)
  forget(redis.call('ZRANGE', INDEX, 0, -1 - ARGV[6]))
  return redis.call('HINCRBY', record, 'count', 1)
end

forget_old()
local found = {}
for _, open in ipairs(redis.call('ZRANGE', INDEX, 0, -1, 'REV')) do
  local fields = redis.call('HMGET', PREFIX .. open, 'text', 'since', 'last', 'count')
  if fields[1] then
    found[#found + 1] = open
    found[#found + 1] = fields[1]
    for i = 2, 4 do found[#found + 1] = tonumber(fields[i]) end
  end
end
return found
