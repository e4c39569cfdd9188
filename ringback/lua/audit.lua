-- Notes a deed in the audit trail. KEYS: the trail; ARGV: operation, entry (JSON without its number
-- and time), entries kept. Answers the entry's number; numbers have no gaps, so that a page of the
-- trail is found by counting from its end.
local TRAIL, op, entry = KEYS[1], ARGV[1], ARGV[2]
local last = redis.call('LINDEX', TRAIL, -1) or ''
local seq = tonumber(last:match('^{"seq":(%d+)') or 0)
if last:find('"op":"' .. op .. '"', 1, true) then return seq end  -- a repeated call
local time = redis.call('TIME')
local at = rfc3339(time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('RPUSH', TRAIL,
  string.format('{"seq":%d,"at":"%s","op":"%s",', seq + 1, at, op) .. entry:sub(2))
redis.call('LTRIM', TRAIL, -ARGV[3], -1)
return seq + 1
