-- A user's feed: KEYS feed, active set, user, epoch; ARGV: epoch candidate, since, limit, key prefix,
-- room.
-- since >= 0: the jobs that changed after it, oldest change first (none and 'reset' if there are
-- more than the limit, or the feed never got that far); of these as many as have `room` bytes, but one
-- at least. since < 0: active jobs + the most recent.
-- Answers {'feed', 'part' (there are more) or 'reset', epoch, seq after these, view, view, …}
local FEED, ACTIVE, USER, EPOCH = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ACTIVE_SHOWN = 500
local since, limit, prefix, room = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
redis.call('SET', EPOCH, ARGV[1], 'NX')
local epoch, seq = redis.call('GET', EPOCH), tonumber(redis.call('HGET', USER, 'seq') or 0)
local ids
if since >= 0 then
  if since > seq or redis.call('ZCOUNT', FEED, '(' .. since, '+inf') > limit then
    return {'reset', epoch, seq}
  end
  ids = redis.call('ZRANGE', FEED, '(' .. since, '+inf', 'BYSCORE')
else
  -- with very many active jobs the most recently changed ones have to do
  local few = redis.call('SCARD', ACTIVE) <= ACTIVE_SHOWN
  ids = redis.call('ZRANGE', FEED, 0, (few and limit or ACTIVE_SHOWN) - 1, 'REV')
  local listed = {}
  for _, id in ipairs(ids) do listed[id] = true end
  for _, id in ipairs(few and redis.call('SMEMBERS', ACTIVE) or {}) do
    if not listed[id] then ids[#ids + 1] = id end
  end
end
local answer, size = {'feed', epoch, seq}, 0
for place, id in ipairs(ids) do
  local view = redis.call('HGET', prefix .. id, 'view')
  if view then
    size = size + #view
    if since >= 0 and size > room and #answer > 3 then
      answer[1], answer[3] = 'part', tonumber(redis.call('ZSCORE', FEED, ids[place - 1]))
      break
    end
    answer[#answer + 1] = view
  end
end
return answer
