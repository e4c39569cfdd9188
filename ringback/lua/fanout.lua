-- Ended jobs of one partition become deliveries to their owners' webhooks. KEYS: the jobs to be fanned
-- out; ARGV: home, '1' if the app has no webhooks (then they are done), job ids.
-- Answers {webhooks that got something to deliver, {id, type, …} of the jobs that are there}
local FANOUT, home, done = KEYS[1], ARGV[1], ARGV[2] == '1'
local webhooks, jobs, seen = {}, {}, {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local job = redis.call('HMGET', home .. 'job:' .. id, 'owner', 'type')
  if job[1] then
    jobs[#jobs + 1], jobs[#jobs + 2] = id, job[2]
    for _, webhook in ipairs(redis.call('SMEMBERS', home .. 'webhooks:' .. job[1])) do
      if wants(home, webhook, job[2]) and add(home, webhook, id) and not seen[webhook] then
        seen[webhook] = true
        webhooks[#webhooks + 1] = webhook
      end
    end
  end
  if done then redis.call('ZREM', FANOUT, id) end
end
return {webhooks, jobs}
