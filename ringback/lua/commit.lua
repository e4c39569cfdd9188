-- The one way a job changes. Everything is checked before the first write: a script has no
-- rollback. A repeated call (same op) answers as the first did and changes nothing.
--
-- Answers {'ok', version, seq, commit ms, notice-due ms}
--         {'conflict'} version isn't the expected one   {'fenced'} the attempt was replaced
--         {'gone'}     there is no such job             {'known', job id, fingerprint}
--                                                       the Idempotency-Key was used before
local JOB, FEED, ACTIVE, USER, HISTORY, EPOCH = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local LEASES, RETRIES, DOORBELLS, NOTICES = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local OUTBOX, PRESENCE, IDEMPOTENCY = KEYS[11], KEYS[12], KEYS[13]
local a = cjson.decode(ARGV[1])
local spec, record, view, entry = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local OPS_KEPT = 16

-- checks
local stored = redis.call('HMGET', JOB, 'version', 'fence', 'ops')
local ops = stored[3] or ''
local version, seq, commit, due
local answered = ops:find(a.op .. '=', 1, true)  -- plain: as a pattern it takes 10 µs of each commit
if answered then
  version, seq, commit, due = ops:match('=(%d+):(%d+):(%d+):(%d+);', answered)
  return {'ok', tonumber(version), tonumber(seq), tonumber(commit), tonumber(due)}
end
if a.expected == 0 then
  if a.fingerprint ~= '' then
    local known = redis.call('HMGET', IDEMPOTENCY, 'job', 'fingerprint')
    if known[1] then return {'known', known[1], known[2]} end
  end
  if stored[1] then return {'conflict'} end
else
  if not stored[1] then return {'gone'} end
  if a.held >= 0 and tonumber(stored[2]) ~= a.held then return {'fenced'} end
  if tonumber(stored[1]) ~= a.expected then return {'conflict'} end
end

-- the store's own time, and how long the notice waits
local time = redis.call('TIME')
commit = time[1] * 1000 + math.floor(time[2] / 1000)
local present = redis.call('ZCOUNT', PRESENCE, '(' .. commit, '+inf') > 0
due = commit + (present and a.grace_present or a.grace_absent)
version = a.expected + 1

-- the job, its place in the feed, the event
local epoch = redis.call('GET', EPOCH)
if not epoch then
  epoch = a.epoch
  redis.call('SET', EPOCH, epoch)
end
seq = redis.call('HINCRBY', USER, 'seq', 1)
record = splice(record, version, commit, due)
view = splice(view, version, commit, due)
ops = string.format('%s=%d:%d:%d:%d;', a.op, version, seq, commit, due) .. ops
local keep = 0
for _ = 1, OPS_KEPT do keep = ops:find(';', keep + 1, true) or #ops end
redis.call('HSET', JOB, 'version', version, 'fence', a.fence, 'ops', ops:sub(1, keep),
  'record', record, 'view', view)
if a.expected == 0 then
  redis.call('HSET', JOB, 'spec', spec)
  if a.fingerprint ~= '' then
    redis.call('HSET', IDEMPOTENCY, 'job', a.id, 'fingerprint', a.fingerprint)
    redis.call('PEXPIRE', IDEMPOTENCY, a.fingerprint_ttl)
  end
end
redis.call('ZADD', FEED, seq, a.id)
if a.active then redis.call('SADD', ACTIVE, a.id) else redis.call('SREM', ACTIVE, a.id) end
if entry ~= '' then
  redis.call('RPUSH', HISTORY, splice(entry, version, commit, due))
  redis.call('LTRIM', HISTORY, -200, -1)
end
redis.call(a.publish, a.channel, '42["job",' .. view .. ',"' .. epoch .. ':' .. seq .. '"]')

-- what is due when: {ms, from the commit or absolute}; absent: not due
local function index(key, when)
  if not when then return redis.call('ZREM', key, a.id) end
  redis.call('ZADD', key, when.ms + (when.base == 'c' and commit or when.base == 'n' and due or 0), a.id)
end
index(LEASES, a.due.lease)
index(RETRIES, a.due.retry)
index(DOORBELLS, a.due.doorbell)
if a.notice then
  index(OUTBOX, a.due.notice)
  refresh_notice(NOTICES, OUTBOX, USER, a.owner)
end
return {'ok', version, seq, commit, due}
