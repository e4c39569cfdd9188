-- Deletes an ended job with all that is told of it. KEYS: the job, feed, history, failed and skipped
-- items, outbox, dead letters, ended jobs, traces, jobs to be fanned out, emails not sent, then its
-- unique names; ARGV: id.
-- Answers 1, or 0 where it hasn't ended or somebody is still to be told.
local JOB, OUTBOX, ENDED, id = KEYS[1], KEYS[6], KEYS[8], ARGV[1]
if not redis.call('ZSCORE', ENDED, id) or redis.call('ZSCORE', OUTBOX, id) then return 0 end
for i = 12, #KEYS do
  if redis.call('HGET', KEYS[i], 'job') == id then redis.call('DEL', KEYS[i]) end
end
redis.call('DEL', JOB, KEYS[3], KEYS[4], KEYS[5], KEYS[9])
redis.call('ZREM', KEYS[2], id)
redis.call('ZREM', KEYS[7], id)
redis.call('ZREM', ENDED, id)
redis.call('ZREM', KEYS[10], id)
redis.call('ZREM', KEYS[11], id)
return 1
