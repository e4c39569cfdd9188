-- Jobs of one partition that were kept long enough. KEYS: the ended jobs of one state; ARGV: ms to
-- keep, limit. Answers ids, oldest first.
local time = redis.call('TIME')
local before = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
return redis.call('ZRANGE', KEYS[1], '-inf', before, 'BYSCORE', 'LIMIT', 0, ARGV[2])
