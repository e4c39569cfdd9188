-- Keeps the trace of an attempt that failed. KEYS: the job, its traces; ARGV: fence, attempt, trace,
-- how many are kept. An old attempt can write nothing, and a job that is gone keeps nothing.
-- Answers 1, or 0 where it wasn't kept.
local JOB, TRACES = KEYS[1], KEYS[2]
local attempt = tonumber(ARGV[2])
if redis.call('HGET', JOB, 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', TRACES, attempt, ARGV[3])
redis.call('HDEL', TRACES, attempt - ARGV[4])
return 1
