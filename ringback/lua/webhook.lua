-- One webhook and its deliveries. KEYS: the webhook; ARGV: action, home, id, …
-- create  owner, most, field, value, …  -> 'ok' | 'full'     repeated: 'ok'
-- change  field, its value as known ("": whatever), field, value, …  -> 'ok' | 'gone' | 'conflict'
-- remove  owner                         -> 'ok'
-- add     job ids                       -> how many deliveries are new
-- claim   token, op, ms, most           -> {'claimed', now, url, secrets, id, tries, created at, …}
--                                          | {'busy'}         one deliverer at a time
-- settle  token, delivery, facts        -> 'ok' | 'lost'
-- release token                         -> 'ok'
-- replay  delivery ids                  -> how many are sent again
local WEBHOOK, action, home, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local INDEX, WAITING = home .. 'due:webhook', home .. 'waiting:' .. id
local THRESHOLD = 5  -- failures in a row after which one try at a time tells whether it works again
local PAUSE, PAUSE_CAP = 30000, 300000  -- ms between these tries, doubled by each
local FAILING = 5 * 86400000  -- ms of nothing but failures after which it is switched off
local DELIVERED, DEAD = 1000, 10000  -- of each webhook that are kept

if action == 'create' then
  local ids = home .. 'webhooks:' .. ARGV[4]
  if redis.call('EXISTS', WEBHOOK) == 1 then return 'ok' end
  if redis.call('SCARD', ids) >= tonumber(ARGV[5]) then return 'full' end
  redis.call('HSET', WEBHOOK, 'owner', ARGV[4], 'created_at', now, unpack(ARGV, 6))
  redis.call('SADD', ids, id)
  return 'ok'
end

if action == 'remove' then
  redis.call('SREM', home .. 'webhooks:' .. ARGV[4], id)
  redis.call('ZREM', INDEX, id)
  redis.call('DEL', WEBHOOK, WAITING, home .. 'delivered:' .. id, home .. 'dead:' .. id)
  return 'ok'
end

-- another deliverer may still be at it when it is removed: nothing may bring it back
if redis.call('EXISTS', WEBHOOK) == 0 then
  redis.call('ZREM', INDEX, id)
  return action == 'change' and 'gone' or action == 'claim' and {'busy'} or action == 'settle'
    and 'lost' or 0
end

if action == 'change' then
  if ARGV[4] ~= '' and redis.call('HGET', WEBHOOK, ARGV[4]) ~= ARGV[5] then return 'conflict' end
  for i = 6, #ARGV, 2 do
    if ARGV[i] == 'enabled' then  -- by hand: what was held against it is forgotten
      redis.call('HDEL', WEBHOOK, 'disabled', 'failures', 'failing_since', 'paused_until', 'pauses')
    end
  end
  redis.call('HSET', WEBHOOK, unpack(ARGV, 6))
  refresh(home, id)
  return 'ok'
end

if action == 'add' then
  local new = 0
  for i = 4, #ARGV do
    if add(home, id, ARGV[i]) then new = new + 1 end
  end
  return new
end

-- a delivery leaves where it was kept
local function settled(delivery, state, most)
  local kept = home .. state .. ':' .. id
  redis.call('ZREM', WAITING, delivery)
  redis.call('ZADD', kept, now, delivery)
  local over = redis.call('ZCARD', kept) - most
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', kept, 0, over - 1)) do
      redis.call('ZREM', kept, old)
      redis.call('DEL', home .. 'delivery:' .. old)
    end
  end
end

local held = redis.call('HMGET', WEBHOOK, 'claim', 'claim_until', 'enabled', 'paused_until',
  'failures', 'failing_since', 'pauses', 'url', 'secrets')

if action == 'claim' then
  local token, op, lease, most = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
  local other = held[1] and held[1] ~= token and tonumber(held[2]) > now
  if other or held[3] ~= '1' or tonumber(held[4] or 0) > now then
    -- who may send nothing more needs no claim: it would outlast a short pause
    if not other then redis.call('HDEL', WEBHOOK, 'claim', 'claim_until') end
    refresh(home, id)
    return {'busy'}
  end
  if tonumber(held[5] or 0) >= THRESHOLD then most = 1 end
  redis.call('HSET', WEBHOOK, 'claim', token, 'claim_until', now + lease)
  redis.call('ZADD', INDEX, now + lease, id)
  local answer = {'claimed', now, held[8], held[9]}
  for _, delivery in ipairs(redis.call('ZRANGE', WAITING, '-inf', now, 'BYSCORE', 'LIMIT', 0, most)) do
    local record = home .. 'delivery:' .. delivery
    local known = redis.call('HMGET', record, 'created_at', 'op')
    if not known[1] then  -- it waited for longer than its record is kept
      redis.call('ZREM', WAITING, delivery)
    else
      if known[2] ~= op then  -- else a repeated call
        redis.call('HINCRBY', record, 'attempts', 1)
        redis.call('HINCRBY', record, 'tries', 1)
        redis.call('HSET', record, 'state', 'sending', 'op', op)
      end
      local at = #answer
      answer[at + 1], answer[at + 2] = delivery, tonumber(redis.call('HGET', record, 'tries'))
      answer[at + 3] = tonumber(known[1])
    end
  end
  return answer
end

if action == 'settle' then
  local token, delivery, a = ARGV[4], ARGV[5], cjson.decode(ARGV[6])
  local record = home .. 'delivery:' .. delivery
  if not redis.call('ZSCORE', WAITING, delivery) then return 'ok' end  -- a repeated call
  -- What was delivered is, whoever did it. Else whoever holds the claim knows better.
  if held[1] ~= token and a.state ~= 'delivered' then return 'lost' end
  if held[1] == token then redis.call('HSET', WEBHOOK, 'claim_until', now + a.lease) end
  redis.call('HSET', record, 'state', a.state, 'tries', a.tries, 'status', a.status, 'reason', a.reason)
  redis.call('PEXPIRE', record, KEPT)
  if a.state == 'waiting' then
    if redis.call('HGET', record, 'settled') == a.op then return 'ok' end
    if a.pause > 0 then redis.call('HINCRBY', record, 'attempts', -1) end  -- it was no try
    redis.call('HSET', record, 'next_at', now + a.delay, 'settled', a.op)
    redis.call('ZADD', WAITING, now + a.delay, delivery)
  else
    redis.call('HDEL', record, 'next_at')
    redis.call('HSET', record, 'settled_at', now)
    settled(delivery, a.state, a.state == 'dead' and DEAD or DELIVERED)
  end
  if a.state == 'delivered' then
    redis.call('HDEL', WEBHOOK, 'failures', 'failing_since', 'paused_until', 'pauses')
    return 'ok'
  end
  if a.unsent then return 'ok' end  -- it says nothing about the receiver
  local since, paused = tonumber(held[6] or now), tonumber(held[4] or 0)
  if a.pause > 0 then  -- it works and is busy: no failure
    redis.call('HSET', WEBHOOK, 'paused_until', math.max(paused, now + a.pause))
    return 'ok'
  end
  local failures = redis.call('HINCRBY', WEBHOOK, 'failures', 1)
  redis.call('HSET', WEBHOOK, 'failing_since', since)
  if failures >= THRESHOLD and paused <= now then
    local pauses = tonumber(held[7] or 0)
    paused = now + math.floor(math.min(PAUSE_CAP, PAUSE * 2 ^ pauses) * (1 + a.jitter))
    redis.call('HSET', WEBHOOK, 'pauses', pauses + 1)
  end
  if paused > now then redis.call('HSET', WEBHOOK, 'paused_until', paused) end
  if a.disable ~= '' then
    switch_off(home, id, a.disable)
  elseif now - since > FAILING then
    switch_off(home, id, 'Every delivery failed for 5 days; the last one: ' .. a.reason)
  end
  return 'ok'
end

if action == 'release' then
  if held[1] == ARGV[4] then
    redis.call('HDEL', WEBHOOK, 'claim', 'claim_until')
    refresh(home, id)
  end
  return 'ok'
end

-- replay
local again = 0
for i = 4, #ARGV do
  local record = home .. 'delivery:' .. ARGV[i]
  if redis.call('EXISTS', record) == 1 then
    redis.call('ZREM', home .. 'delivered:' .. id, ARGV[i])
    redis.call('ZREM', home .. 'dead:' .. id, ARGV[i])
    redis.call('HSET', record, 'state', 'waiting', 'tries', 0, 'next_at', now)
    redis.call('HDEL', record, 'settled_at')
    redis.call('PEXPIRE', record, KEPT)
    redis.call('ZADD', WAITING, now, ARGV[i])
    again = again + 1
  end
end
refresh(home, id)
return again
