-- What the scripts of webhooks share. `home`: the prefix of all keys of a webhook's slot.
local KEPT = 30 * 86400000  -- ms for which a delivery's record is kept after its last change
local MOST_WAITING = 50000  -- of one webhook; it is switched off before there are more
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function switch_off(home, webhook, reason)
  redis.call('HSET', home .. 'webhook:' .. webhook, 'enabled', '0', 'disabled', reason)
end

-- When the webhook's earliest delivery is due: not while it is paused or somebody is at it.
local function refresh(home, webhook)
  local index = home .. 'due:webhook'
  local held = redis.call('HMGET', home .. 'webhook:' .. webhook, 'enabled', 'paused_until',
    'claim_until')
  local first = redis.call('ZRANGE', home .. 'waiting:' .. webhook, 0, 0, 'WITHSCORES')
  if held[1] ~= '1' or #first == 0 then return redis.call('ZREM', index, webhook) end
  local due = math.max(tonumber(first[2]), tonumber(held[2] or 0), tonumber(held[3] or 0))
  redis.call('ZADD', index, due, webhook)
end

-- A webhook's delivery of a job; whether it is new. Telling a webhook twice of one job is one duty.
local function add(home, webhook, job)
  local id = webhook .. '_' .. job
  local record, waiting = home .. 'delivery:' .. id, home .. 'waiting:' .. webhook
  if redis.call('EXISTS', record) == 1 then return false end
  if redis.call('ZCARD', waiting) >= MOST_WAITING then
    switch_off(home, webhook, MOST_WAITING .. ' deliveries were waiting.')
    return false
  end
  redis.call('HSET', record, 'state', 'waiting', 'created_at', now, 'next_at', now)
  redis.call('PEXPIRE', record, KEPT)
  redis.call('ZADD', waiting, now, id)
  refresh(home, webhook)
  return true
end

local function wants(home, webhook, kind)
  local about = redis.call('HMGET', home .. 'webhook:' .. webhook, 'enabled', 'types')
  if about[1] ~= '1' then return false end
  local types = cjson.decode(about[2])
  for _, wanted in ipairs(types) do
    if wanted == kind then return true end
  end
  return #types == 0
end
