-- What one partition has, by kind and name. KEYS: queued jobs, leases, retries, notices, dead
-- letters, emails that may be sent again; ARGV: how many of each are looked at, prefixes of jobs, of
-- outboxes and of ended jobs by their state.
-- Answers {users with notices, of these due, dead letters, unsent emails, 1 if all was looked at,
-- then per row: kind, name, jobs, users, oldest moment}
local limit, job_prefix, outbox_prefix, ended_prefix = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local whole, order, rows = 1, {}, {}

local function count(kind, name, user, at, jobs)
  local key = kind .. ' ' .. name
  local row = rows[key]
  if not row then
    row = {kind = kind, name = name, jobs = 0, users = 0, oldest = at, known = {}}
    rows[key], order[#order + 1] = row, row
  end
  row.jobs, row.oldest = row.jobs + jobs, math.min(row.oldest, at)
  if not row.known[user] then row.known[user], row.users = true, row.users + 1 end
end

for i, kind in ipairs({'queued', 'running', 'retrying'}) do
  local members = redis.call('ZRANGE', KEYS[i], 0, limit - 1, 'WITHSCORES')
  if redis.call('ZCARD', KEYS[i]) > limit then whole = 0 end
  for j = 1, #members, 2 do
    local job = redis.call('HMGET', job_prefix .. members[j], 'type', 'owner', 'awaits')
    -- only a queued job's score is a moment of the past
    local at = i == 1 and tonumber(members[j + 1]) or now
    if job[1] then
      count(kind, job[1], job[2], at, 1)
      if i == 3 and job[3] and job[3] ~= '' then count('waits', job[3], job[2], now, 1) end
    end
  end
end

local users = redis.call('ZRANGE', KEYS[4], 0, limit - 1)
local open = redis.call('ZCARD', KEYS[4])
if open > limit then whole = 0 end
for _, user in ipairs(users) do
  local late, first = 0, now
  for _, id in ipairs(redis.call('ZRANGE', outbox_prefix .. user, 0, 19)) do
    local job = redis.call('HMGET', job_prefix .. id, 'view', 'state')
    -- a raw quote can't be in a user's words
    if job[1] and job[1]:find('"email":{"state":"delayed"', 1, true) then
      late = late + 1
      first = math.min(first, tonumber(redis.call('ZSCORE', ended_prefix .. job[2], id) or now))
    end
  end
  if late > 0 then count('delayed', '', user, first, late) end
end

local due, dead = redis.call('ZCOUNT', KEYS[4], '-inf', now), redis.call('ZCARD', KEYS[5])
local answer = {open, due, dead, redis.call('ZCARD', KEYS[6]), whole}
for _, row in ipairs(order) do
  local at = #answer
  answer[at + 1], answer[at + 2], answer[at + 3] = row.kind, row.name, row.jobs
  answer[at + 4], answer[at + 5] = row.users, row.oldest
end
return answer
