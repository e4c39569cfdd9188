-- The right to write to one user, held by one mailer at a time. KEYS: user, outbox, notices index,
-- emails of the last hour; ARGV: action, owner, mailer's token, claim ms, and what the action needs.
-- claim   (emails an hour)           -> {'claimed', ledger, now ms, no digest before ms, none over
--                                       the cap before ms, job id, …} | {'busy'}
--                                       jobs: this user's due notices
-- open    (ms since 1970)            -> {'opened', ms} | {'lost'}   no digest before that moment
-- write   (ledger, its id or '')     -> {'written'} | {'lost'}      the ledger, before each risky
--                                       step; an id is counted as an email of this hour
-- release (ms, pause ms)             -> {'released'} | {'lost'}     clears the ledger; the next
--                                       digest comes after so many ms at the earliest, and the
--                                       supervisor rings for the user after the pause
-- free                               -> {'freed'}                   the next digest needn't wait
local USER, OUTBOX, NOTICES, MAILED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local action, owner, token, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local HOUR = 3600000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', USER, 'mailer', 'mailer_until', 'ledger', 'next_email')
local mine = held[1] == token
local next_email = tonumber(held[4] or 0)

-- The moment from which on one more email stays within the cap.
local function capped(most)
  local recent = redis.call('ZRANGE', MAILED, '(' .. now - HOUR, '+inf', 'BYSCORE')
  if #recent < most then return 0 end
  return tonumber(redis.call('ZSCORE', MAILED, recent[#recent - most + 1])) + HOUR
end

if action == 'claim' then
  if held[1] and not mine and tonumber(held[2]) > now then return {'busy'} end
  redis.call('HSET', USER, 'mailer', token, 'mailer_until', now + lease)
  redis.call('ZADD', NOTICES, now + lease, owner)
  local due = redis.call('ZRANGE', OUTBOX, '-inf', now, 'BYSCORE', 'LIMIT', 0, 500)
  return {'claimed', held[3] or '', now, next_email, capped(tonumber(ARGV[5])), unpack(due)}
end
if action == 'free' then
  redis.call('HDEL', USER, 'next_email')
  refresh_notice(NOTICES, OUTBOX, USER, owner)
  return {'freed'}
end
if not mine then return {'lost'} end
if action == 'open' then
  next_email = math.max(next_email, tonumber(ARGV[5]))
  redis.call('HSET', USER, 'next_email', next_email)
  return {'opened', next_email}
end
if action == 'write' then
  redis.call('HSET', USER, 'ledger', ARGV[5], 'mailer_until', now + lease)
  redis.call('ZADD', NOTICES, now + lease, owner)
  if ARGV[6] ~= '' then
    redis.call('ZREMRANGEBYSCORE', MAILED, '-inf', now - HOUR)
    redis.call('ZADD', MAILED, 'NX', now, ARGV[6])
    redis.call('PEXPIRE', MAILED, HOUR)
  end
  return {'written'}
end
redis.call('HDEL', USER, 'mailer', 'mailer_until', 'ledger')
if tonumber(ARGV[5]) > 0 then
  redis.call('HSET', USER, 'next_email', math.max(next_email, now + tonumber(ARGV[5])))
end
if tonumber(ARGV[6]) > 0 then redis.call('HSET', USER, 'paused_until', now + tonumber(ARGV[6])) end
refresh_notice(NOTICES, OUTBOX, USER, owner)
return {'released'}
