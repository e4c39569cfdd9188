-- The one way a job changes. Everything is checked before the first write: a script has no
-- rollback. A repeated call (same op) answers as the first did and changes nothing.
--
-- Answers {'ok', version, seq, commit ms, notice-due ms}
--         {'conflict'} version isn't the expected one   {'fenced'} the attempt was replaced
--         {'gone'}     there is no such job             {'known', job id, fingerprint}
--                                                       the Idempotency-Key was used before
--         {'held', job id, name}                        unfinished work bears the unique name
local JOB, FEED, ACTIVE, USER, HISTORY, EPOCH = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local OUTBOX, NOTICES, PRESENCE, IDEMPOTENCY = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local FAILED, SKIPPED, PIPELINES = KEYS[11], KEYS[12], KEYS[13]
local INDEXES = 13  -- then come the indexes, and the unique names
local a = cjson.decode(ARGV[1])
local spec, record, view, entry = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local ITEMS = 5  -- then come the failed and the skipped items
local OPS_KEPT = 16

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Whether an unfinished job bears a unique name, or one that was submitted less than `least` ago.
local function taken(job, since, least)
  local state = redis.call('HGET', job, 'state')
  if not state then return false end
  return now - since < least or state == 'queued' or state == 'running' or state == 'retrying'
    or state == 'cancelling'
end

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
  for i, unique in ipairs(a.unique) do
    local holder = redis.call('HMGET', KEYS[INDEXES + #a.when + i], 'job', 'at')
    if holder[1] and taken(a.prefix .. holder[1], tonumber(holder[2]), unique.least) then
      return {'held', holder[1], unique.name}
    end
  end
else
  if not stored[1] then return {'gone'} end
  if a.held >= 0 and tonumber(stored[2]) ~= a.held then return {'fenced'} end
  if tonumber(stored[1]) ~= a.expected then return {'conflict'} end
end

-- how long the notice waits
commit = now
local present = redis.call('ZCOUNT', PRESENCE, '(' .. commit, '+inf') > 0
due = commit + (present and a.grace_present or a.grace_absent)
version = a.expected + 1

-- the job, its place in the feed, the event
local epoch = redis.call('GET', EPOCH)
if not epoch then
  epoch = a.epoch
  redis.call('SET', EPOCH, epoch)
end
seq = a.told and redis.call('HINCRBY', USER, 'seq', 1) or 0
record = splice(record, version, commit, due)
view = splice(view, version, commit, due)
ops = string.format('%s=%d:%d:%d:%d;', a.op, version, seq, commit, due) .. ops
local keep = 0
for _ = 1, OPS_KEPT do keep = ops:find(';', keep + 1, true) or #ops end
redis.call('HSET', JOB, 'version', version, 'fence', a.fence, 'ops', ops:sub(1, keep),
  'state', a.state, 'awaits', a.awaits, 'record', record, 'view', view)
if a.expected == 0 then
  redis.call('HSET', JOB, 'spec', spec, 'type', a.type, 'owner', a.owner)
  for i in ipairs(a.unique) do
    redis.call('HSET', KEYS[INDEXES + #a.when + i], 'job', a.id, 'at', commit)
  end
  if a.fingerprint ~= '' then
    redis.call('HSET', IDEMPOTENCY, 'job', a.id, 'fingerprint', a.fingerprint)
    redis.call('PEXPIRE', IDEMPOTENCY, a.fingerprint_ttl)
  end
end
if a.told then  -- a pipeline's step isn't: the user hears of it from the pipeline
  redis.call('ZADD', FEED, seq, a.id)
  if a.active then redis.call('SADD', ACTIVE, a.id) else redis.call('SREM', ACTIVE, a.id) end
  redis.call(a.publish, a.channel, '42["job",' .. view .. ',"' .. epoch .. ':' .. seq .. '"]')
end
if entry ~= '' then
  redis.call('RPUSH', HISTORY, splice(entry, version, commit, due))
  redis.call('LTRIM', HISTORY, -200, -1)
end

-- items that failed or were skipped, one by one. Those that a lost reply hid from the worker come
-- again, so the list's own length tells which are new.
local function append(list, from, first, last)
  local known = redis.call('LLEN', list)
  for i = first + math.max(0, known - from), last do redis.call('RPUSH', list, ARGV[i]) end
end
if a.emptied then redis.call('DEL', FAILED, SKIPPED) end
local split = ITEMS + a.failed
append(FAILED, a.failed_from, ITEMS + 1, split)
append(SKIPPED, a.skipped_from, split + 1, #ARGV)

-- where the job is to be found from when on: {ms, from the commit or absolute}, or false: nowhere
local function index(key, when)
  if not when then return redis.call('ZREM', key, a.id) end
  local base = when.base == 'c' and commit or when.base == 'n' and due or 0
  redis.call('ZADD', key, when.ms + base, a.id)
end
for i, when in ipairs(a.when) do index(KEYS[INDEXES + i], when) end
-- the pipeline to be looked after: sooner than it was to be, never later
if a.stirred ~= '' then
  local at, look = redis.call('ZSCORE', PIPELINES, a.stirred), commit + a.stirred_in
  if not at or tonumber(at) > look then redis.call('ZADD', PIPELINES, look, a.stirred) end
end
if a.notice and a.told then
  index(OUTBOX, a.open_notice)
  refresh_notice(NOTICES, OUTBOX, USER, a.owner)
end
return {'ok', version, seq, commit, due}
