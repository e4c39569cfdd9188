-- A page of a user's jobs, newest change first. KEYS: feed, user, epoch; ARGV: epoch candidate,
-- wanted {before, limit, look, states, type, since}, key prefix. At most `look` jobs are looked at.
-- Answers {epoch, seq of the newest change, position of the last job looked at (0: no more),
--          seq, view, seq, view, …}
local FEED, USER, EPOCH = KEYS[1], KEYS[2], KEYS[3]
local wanted, prefix = cjson.decode(ARGV[2]), ARGV[3]
redis.call('SET', EPOCH, ARGV[1], 'NX')
local epoch, newest = redis.call('GET', EPOCH), tonumber(redis.call('HGET', USER, 'seq') or 0)
local states, any = {}, #wanted.states == 0
for _, state in ipairs(wanted.states) do states[state] = true end

local top = wanted.before and '(' .. wanted.before or '+inf'
local ids = redis.call('ZRANGE', FEED, top, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, wanted.look,
  'WITHSCORES')
local answer, found, last = {epoch, newest, 0}, 0, 0
for i = 1, #ids, 2 do
  last = tonumber(ids[i + 1])
  local job = redis.call('HMGET', prefix .. ids[i], 'state', 'type', 'view')
  if job[3] then
    -- nobody's words can hold raw quotes in JSON; the feed goes by change, so all below is older
    if wanted.since and job[3]:match('"updated_at":"([^"]*)"') < wanted.since then
      last = 0
      break
    end
    if (any or states[job[1]]) and (not wanted.type or wanted.type == job[2]) then
      found = found + 1
      answer[#answer + 1], answer[#answer + 2] = last, job[3]
      if found == wanted.limit then break end
    end
  end
end
if found < wanted.limit and #ids < 2 * wanted.look then last = 0 end
answer[3] = last
return answer
