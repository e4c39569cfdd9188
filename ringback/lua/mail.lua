-- The right to write to one user, held by one mailer at a time. KEYS: user, outbox, notices index;
-- ARGV: action, owner, mailer's token, claim ms, ledger (write) or next-email ms (release).
-- claim   -> {'claimed', ledger, now ms, job id, …} | {'busy'}  jobs: this user's due notices
-- write   -> {'written'} | {'lost'}                        the ledger, before each risky step
-- release -> {'released'} | {'lost'}                       clears the ledger
-- free    -> {'freed'}                                     the next email needn't wait
local USER, OUTBOX, NOTICES = KEYS[1], KEYS[2], KEYS[3]
local action, owner, token, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', USER, 'mailer', 'mailer_until', 'ledger', 'next_email')
local mine = held[1] == token

if action == 'claim' then
  if held[1] and not mine and tonumber(held[2]) > now then return {'busy'} end
  -- a ledger that a dead mailer left is finished first, whatever the window says
  if not held[3] and tonumber(held[4] or 0) > now then
    refresh_notice(NOTICES, OUTBOX, USER, owner)
    return {'busy'}
  end
  redis.call('HSET', USER, 'mailer', token, 'mailer_until', now + lease)
  redis.call('ZADD', NOTICES, now + lease, owner)
  local due = redis.call('ZRANGE', OUTBOX, '-inf', now, 'BYSCORE', 'LIMIT', 0, 500)
  return {'claimed', held[3] or '', now, unpack(due)}
end
if action == 'free' then
  redis.call('HDEL', USER, 'next_email')
  refresh_notice(NOTICES, OUTBOX, USER, owner)
  return {'freed'}
end
if not mine then return {'lost'} end
if action == 'write' then
  redis.call('HSET', USER, 'ledger', ARGV[5], 'mailer_until', now + lease)
  redis.call('ZADD', NOTICES, now + lease, owner)
  return {'written'}
end
redis.call('HDEL', USER, 'mailer', 'mailer_until', 'ledger')
redis.call('HSET', USER, 'next_email', now + tonumber(ARGV[5]))
refresh_notice(NOTICES, OUTBOX, USER, owner)
return {'released'}
