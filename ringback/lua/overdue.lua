-- Takes what is overdue in one partition, at most ARGV[2] of a kind, and hides it for ARGV[1] ms
-- from the other supervisors (so each piece is handled once, and again if its handler dies).
-- KEYS: due-indexes. Answers a list of members per key.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
for i, key in ipairs(KEYS) do
  answer[i] = redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
  for _, member in ipairs(answer[i]) do redis.call('ZADD', key, now + ARGV[1], member) end
end
return answer
