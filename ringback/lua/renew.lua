-- Extends leases of one worker's attempts. KEYS: the lease index, then the jobs; ARGV: lease ms,
-- then per job its id and fence. Answers the ids whose attempt was replaced, and the ids of those
-- that are asked to stop.
local time = redis.call('TIME')
local expiry = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local lost, cancelled = {}, {}
for i = 2, #KEYS do
  local id, fence = ARGV[2 * i - 2], ARGV[2 * i - 1]
  local job = redis.call('HMGET', KEYS[i], 'fence', 'state')
  -- a job that left the lease index ended or was put back: its lease can't come back to life
  if job[1] == fence and redis.call('ZSCORE', KEYS[1], id) then
    redis.call('ZADD', KEYS[1], expiry, id)
    if job[2] == 'cancelling' then cancelled[#cancelled + 1] = id end
  else
    lost[#lost + 1] = id
  end
end
return {lost, cancelled}
