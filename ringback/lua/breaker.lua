-- The circuit breaker of one service, shared by all workers. KEYS: the breaker; ARGV: action, …
-- enter   token, lease ms  -> {'closed', failures} | {'probe', period} | {'open', ms to wait}
-- succeed period           -> 1 if this closed the circuit, else 0
-- fail    token, facts     -> ms for which this opened the circuit, else 0
-- release token            -> 0; the next call may probe
-- look                     -> {state, failures, since, until, label, error} | {}
-- Fields: `until` is there while the circuit isn't closed. `period` counts openings, ever; `opens`
-- those since the circuit was last closed. `recent`: moments of failures. `ops`: reports counted.
local BREAKER, action, token = KEYS[1], ARGV[1], ARGV[2]
local OPS_KEPT = 16 * 17  -- characters: 16 operations of 16 digits and a semicolon
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HMGET', BREAKER, 'until', 'period', 'probe', 'probe_until', 'failures',
  'opens', 'recent', 'ops', 'since', 'label', 'error')
local open_until, period, probe = tonumber(stored[1]), stored[2], stored[3]
local probe_until, failures = tonumber(stored[4] or 0), tonumber(stored[5] or 0)

if action == 'enter' then
  if not open_until then return {'closed', failures} end
  if probe == token then return {'probe', tonumber(period)} end  -- a repeated call
  local free = math.max(open_until, probe_until)
  if free > now then return {'open', free - now} end
  redis.call('HSET', BREAKER, 'probe', token, 'probe_until', now + ARGV[3])
  return {'probe', tonumber(period)}
end

if action == 'succeed' then
  -- Only a call that was let in since the last opening knows better. It may have lost its lease:
  -- where calls take longer than a lease lasts, no other would ever close the circuit.
  if open_until and period ~= ARGV[2] then return 0 end
  redis.call('HDEL', BREAKER, 'until', 'probe', 'probe_until', 'failures', 'opens', 'recent')
  if not open_until then return 0 end
  redis.call('HSET', BREAKER, 'since', now)
  return 1
end

if action == 'fail' then
  local a, ops = cjson.decode(ARGV[3]), stored[8] or ''
  if ops:find(a.op .. ';', 1, true) then return 0 end  -- a repeated call
  if open_until and probe ~= token then
    -- let in before the circuit opened, or replaced since: it says nothing new, but for the moment
    -- that the service itself names
    if a.retry_after > 0 and now + a.retry_after > open_until then
      redis.call('HSET', BREAKER, 'until', now + a.retry_after)
    end
    return 0
  end
  local recent, count = string.format('%d', now), 1
  for at in (stored[7] or ''):gmatch('%d+') do
    if count < a.threshold and tonumber(at) > now - a.window then
      recent, count = recent .. ' ' .. at, count + 1
    end
  end
  redis.call('HSET', BREAKER, 'recent', recent, 'failures', open_until and failures + 1 or count,
    'label', a.label, 'error', a.error, 'ops', (a.op .. ';' .. ops):sub(1, OPS_KEPT))
  redis.call('PEXPIRE', BREAKER, a.kept)
  if not open_until and count < a.threshold and a.retry_after == 0 then return 0 end
  local opens = (open_until and tonumber(stored[6]) or 0) + 1
  local wait = a.retry_after
  if wait == 0 then
    wait = math.floor(math.min(a.open_cap, a.open_for * 2 ^ (opens - 1)) * (1 + a.jitter))
  end
  redis.call('HSET', BREAKER, 'until', now + wait, 'opens', opens, 'period', (period or 0) + 1)
  if not open_until then redis.call('HSET', BREAKER, 'since', now) end
  redis.call('HDEL', BREAKER, 'probe', 'probe_until')
  return wait
end

if action == 'release' then
  if probe == token then redis.call('HDEL', BREAKER, 'probe', 'probe_until') end
  return 0
end

if not stored[10] then return {} end
local state, ends = 'closed', 0
if open_until then
  state, ends = 'open', open_until
  if open_until <= now then state, ends = 'half-open', probe_until > now and probe_until or 0 end
end
return {state, failures, tonumber(stored[9] or 0), ends, stored[10], stored[11]}
