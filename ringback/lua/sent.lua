-- One email that left. KEYS: its record; ARGV: action, …
-- note  ms kept, user, address, jobs, again (0 or 1)   before it leaves; anew, or again
-- heard kind of news                                  nothing where the record is gone: it would stay for ever
-- Both may be repeated.
local SENT = KEYS[1]
if ARGV[1] == 'note' then
  if ARGV[6] == '0' then redis.call('DEL', SENT) end
  redis.call('HSET', SENT, 'user', ARGV[3], 'address', ARGV[4], 'jobs', ARGV[5])
  return redis.call('PEXPIRE', SENT, ARGV[2])
end
if redis.call('EXISTS', SENT) == 0 then return 0 end
return redis.call('HSET', SENT, 'news ' .. ARGV[2], 1)
