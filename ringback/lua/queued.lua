-- The queued jobs of one partition, oldest first, at most ARGV[1]; forgets those that are gone or
-- aren't queued any more. KEYS: the queued index; ARGV: limit, prefix of jobs, prefix of presence.
-- Answers per job: id, created ms, type, version, 1 if the owner has a live connection.
local QUEUED = KEYS[1]
local limit, job_prefix, presence_prefix = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local presence = {}
local function present(owner)
  if presence[owner] == nil then
    local live = redis.call('ZCOUNT', presence_prefix .. owner, '(' .. now, '+inf')
    presence[owner] = live > 0 and 1 or 0
  end
  return presence[owner]
end

local members = redis.call('ZRANGE', QUEUED, 0, limit - 1, 'WITHSCORES')
local answer, gone = {}, {}
for i = 1, #members, 2 do
  local id = members[i]
  local job = redis.call('HMGET', job_prefix .. id, 'state', 'type', 'version', 'owner')
  if job[1] == 'queued' then
    local at = #answer
    answer[at + 1], answer[at + 2], answer[at + 3] = id, tonumber(members[i + 1]), job[2]
    answer[at + 4], answer[at + 5] = tonumber(job[3]), present(job[4])
  else
    gone[#gone + 1] = id
  end
end
for _, id in ipairs(gone) do redis.call('ZREM', QUEUED, id) end
return answer
