-- The list of addresses that nobody is written to. KEYS: addresses by when they came, their records,
-- days with a soft bounce of this address, told by the server to our face, and told later;
-- ARGV: action, address, …
-- add   record, most kept, outranks (0 or 1)                -> the record that holds
-- soft  record, most kept, limit of days, within ms, source -> the record, once there is one | ''
-- lift                                                      -> the record that was there | ''
-- clear all (0 or 1)  -> ''; soft bounces count no more: those told to our face, or all
-- `record` is JSON without the time, which is written in here. All may be repeated.
local WHEN, WHY, AT_ONCE, LATER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local action, address, record = ARGV[1], ARGV[2], ARGV[3]
local FORGOTTEN = 100  -- entries over the most that one call forgets
local DAY = 86400000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local there = redis.call('HGET', WHY, address)

local function add()
  local text = string.format('{"at":%d,', now) .. record:sub(2)
  local last = redis.call('ZRANGE', WHEN, -1, -1, 'WITHSCORES')
  local over = redis.call('ZCARD', WHEN) + (there and 0 or 1) - ARGV[4]
  redis.call('ZADD', WHEN, (last[2] or 0) + 1, address)
  redis.call('HSET', WHY, address, text)
  redis.call('DEL', AT_ONCE, LATER)
  if over > 0 then
    local oldest = redis.call('ZRANGE', WHEN, 0, math.min(over, FORGOTTEN) - 1)
    redis.call('ZREM', WHEN, unpack(oldest))
    redis.call('HDEL', WHY, unpack(oldest))
  end
  return text
end

if action == 'add' then
  local stands = there and (ARGV[5] == '0' or cjson.decode(there).source == 'complaint')
  return stands and there or add()
end
if action == 'soft' then
  if there then return there end
  local SOFT, day = ARGV[7] == 'smtp' and AT_ONCE or LATER, math.floor(now / DAY)
  redis.call('ZREMRANGEBYSCORE', SOFT, '-inf', now - ARGV[6])
  redis.call('ZADD', SOFT, now, day)
  redis.call('PEXPIRE', SOFT, ARGV[6])
  return redis.call('ZCARD', SOFT) >= tonumber(ARGV[5]) and add() or ''
end
redis.call('DEL', AT_ONCE)
if action == 'lift' or ARGV[3] == '1' then redis.call('DEL', LATER) end
if action == 'clear' or not there then return '' end
redis.call('ZREM', WHEN, address)
redis.call('HDEL', WHY, address)
return there
