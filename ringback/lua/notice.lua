-- When the user's earliest open notice is due: never while a mailer holds the claim. What else an
-- email waits for is told by each notice's own due time.
local function refresh_notice(notices, outbox, user, owner)
  local first = redis.call('ZRANGE', outbox, 0, 0, 'WITHSCORES')
  if #first == 0 then return redis.call('ZREM', notices, owner) end
  local held = redis.call('HGET', user, 'mailer_until')
  redis.call('ZADD', notices, math.max(tonumber(first[2]), tonumber(held or 0)), owner)
end
