-- Leases of users' connections. KEYS: two per user, the active ones (zset, by when the lease ends)
-- and all of them (hash); ARGV: action, then what it needs.
-- join  lease ms, connections, most -> {1 or 0, count}; 0: one that is new would be one too many
-- renew lease ms, connections       -> how many each user has now
-- leave ids                         -> how many each user has left
-- look                              -> {id, what is kept of it, …}
-- `connections` and `ids` are JSON, in the order of the users: [[[id, state, kind, node], …], …],
-- [[id, …], …]. Kept of each: "<end of the lease> <since> <state> <kind> <node>", times in ms.
local action = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A user's live connections, and how many; forgets those whose leases have ended.
local function live(active, all)
  local kept, found, count = redis.call('HGETALL', all), {}, 0
  for i = 1, #kept, 2 do
    if tonumber(kept[i + 1]:match('^%d+')) > now then
      found[kept[i]], count = kept[i + 1], count + 1
    else
      redis.call('HDEL', all, kept[i])
    end
  end
  redis.call('ZREMRANGEBYSCORE', active, '-inf', now)
  return found, count
end

-- Renews some connections of a user; how many there are now.
local function renew(active, all, connections, lease)
  local found, count = live(active, all)
  for _, connection in ipairs(connections) do
    local id, state = connection[1], connection[2]
    local since = found[id] and found[id]:match('^%d+ (%d+)') or string.format('%d', now)
    if not found[id] then count = count + 1 end
    redis.call('HSET', all, id, string.format('%d %s %s %s %s', now + lease, since, state,
      connection[3], connection[4]))
    if state == 'active' then
      redis.call('ZADD', active, now + lease, id)
    else
      redis.call('ZREM', active, id)
    end
  end
  redis.call('PEXPIRE', active, lease)
  redis.call('PEXPIRE', all, lease)
  return count
end

-- Ends leases of a user; how many connections are left.
local function leave(active, all, ids)
  for _, id in ipairs(ids) do
    redis.call('ZREM', active, id)
    redis.call('HDEL', all, id)
  end
  local _, count = live(active, all)
  return count
end

if action == 'leave' then
  local counts = {}
  for i, ids in ipairs(cjson.decode(ARGV[2])) do
    counts[i] = leave(KEYS[2 * i - 1], KEYS[2 * i], ids)
  end
  return counts
end

if action == 'look' then
  local answer = {}
  for id, kept in pairs((live(KEYS[1], KEYS[2]))) do
    answer[#answer + 1], answer[#answer + 2] = id, kept
  end
  return answer
end

local lease, connections = tonumber(ARGV[2]), cjson.decode(ARGV[3])
if action == 'join' then
  local found, count = live(KEYS[1], KEYS[2])
  if not found[connections[1][1][1]] and count >= tonumber(ARGV[4]) then return {0, count} end
end
local counts = {}
for i, of_user in ipairs(connections) do
  counts[i] = renew(KEYS[2 * i - 1], KEYS[2 * i], of_user, lease)
end
return action == 'join' and {1, counts[1]} or counts
