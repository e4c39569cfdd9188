-- When the user's earliest open notice is due: never while a mailer holds the claim, nor while no
-- email can leave. What else an email waits for is told by each notice's own due time.
local function refresh_notice(notices, outbox, user, owner)
  local first = redis.call('ZRANGE', outbox, 0, 0, 'WITHSCORES')
  if #first == 0 then return redis.call('ZREM', notices, owner) end
  local held = redis.call('HMGET', user, 'mailer_until', 'paused_until')
  local due = math.max(tonumber(first[2]), tonumber(held[1] or 0), tonumber(held[2] or 0))
  redis.call('ZADD', notices, due, owner)
end
