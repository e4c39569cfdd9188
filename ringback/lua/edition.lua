-- Published copy of emails. KEYS: when the last publication was, the newest revision by name, the
-- operation; then prefixes, to be followed by a name: its revisions by when they came into force,
-- what is told of each, their files. ARGV: action, …
-- publish name, base, record, files, revisions kept, ms in force that count, most revisions, most
--         names, ms the operation is known -> {'published', record} | {'stale', newest record or ''}
--         | {'full'}
-- force   moment -> {name, record, …}: of each name the revision in force at that moment
-- `record` is JSON without its number and time, which are written in here. A revision is in force
-- from its time on until the next one's; times of publications differ, all over.
local SERIAL, NEWEST, OP, WHEN, TOLD, FILES = unpack(KEYS)
local action = ARGV[1]

if action == 'force' then
  local found = {}
  for _, name in ipairs(redis.call('HKEYS', NEWEST)) do
    local in_force = redis.call('ZRANGE', WHEN .. name, ARGV[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)
    if in_force[1] then
      found[#found + 1] = name
      found[#found + 1] = redis.call('HGET', TOLD .. name, in_force[1])
    end
  end
  return found
end

local name, base, record, files = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local kept, young, most, names = ARGV[6], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local done = redis.call('GET', OP)
if done then return {'published', redis.call('HGET', TOLD .. name, done)} end  -- a repeated call

local newest = tonumber(redis.call('HGET', NEWEST, name) or 0)
if newest ~= base then
  return {'stale', newest > 0 and redis.call('HGET', TOLD .. name, newest) or ''}
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
now = math.max(now, tonumber(redis.call('GET', SERIAL) or 0) + 1)

-- a revision is forgotten once nothing that is still to be sent can have come due with it
local gone, there = {}, redis.call('ZCARD', WHEN .. name)
local over = there + 1 - kept
if over > 0 then
  local oldest = redis.call('ZRANGE', WHEN .. name, 0, over, 'WITHSCORES')
  for i = 1, over do
    if tonumber(oldest[2 * i + 2]) >= now - young then break end
    gone[i] = oldest[2 * i - 1]
  end
end
if there - #gone >= most or (newest == 0 and #redis.call('HKEYS', NEWEST) >= names) then
  return {'full'}
end

local told = string.format('{"revision":%d,"at":%d,', newest + 1, now) .. record:sub(2)
if #gone > 0 then
  redis.call('ZREM', WHEN .. name, unpack(gone))
  redis.call('HDEL', TOLD .. name, unpack(gone))
  redis.call('HDEL', FILES .. name, unpack(gone))
end
redis.call('ZADD', WHEN .. name, now, newest + 1)
redis.call('HSET', TOLD .. name, newest + 1, told)
redis.call('HSET', FILES .. name, newest + 1, files)
redis.call('HSET', NEWEST, name, newest + 1)
redis.call('SET', SERIAL, now)
redis.call('SET', OP, newest + 1, 'PX', ARGV[10])
return {'published', told}
