-- When the user's earliest open notice is due: never before the window of the last email has
-- passed, nor while a mailer holds the claim.
local function refresh_notice(notices, outbox, user, owner)
  local first = redis.call('ZRANGE', outbox, 0, 0, 'WITHSCORES')
  if #first == 0 then return redis.call('ZREM', notices, owner) end
  local held = redis.call('HMGET', user, 'next_email', 'mailer_until')
  local due = math.max(tonumber(first[2]), tonumber(held[1] or 0), tonumber(held[2] or 0))
  redis.call('ZADD', notices, due, owner)
end
