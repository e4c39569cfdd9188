-- A look after one pipeline, whose steps have news. KEYS: the pipelines to be looked after; ARGV:
-- action, job id, then ms after which somebody else looks (begin), or what begin answered (end).
-- begin -> the look's mark: it stays in the index, so that who dies over it has a successor
-- end   -> 1, or 0 where there was news meanwhile: then somebody looks again
local PIPELINES, action, id = KEYS[1], ARGV[1], ARGV[2]
if action == 'begin' then
  local time = redis.call('TIME')
  local mark = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
  redis.call('ZADD', PIPELINES, mark, id)
  return mark
end
-- news moves the mark to an earlier time
if tonumber(redis.call('ZSCORE', PIPELINES, id) or 0) ~= tonumber(ARGV[3]) then return 0 end
return redis.call('ZREM', PIPELINES, id)
