-- The revocations after one that the caller knows, or all where that isn't in the log any more.
-- KEYS: log; ARGV: the entry.
local place = redis.call('ZSCORE', KEYS[1], ARGV[1])
return redis.call('ZRANGE', KEYS[1], place and '(' .. place or '-inf', '+inf', 'BYSCORE')
