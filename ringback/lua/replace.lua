-- Replaces a document that is still what the caller read. KEYS: the document; ARGV: what was read,
-- what it becomes; an empty text is no document. Answers 1, or 0 where somebody else was faster. A
-- repeated call finds its own text, which is as good.
local there = redis.call('GET', KEYS[1]) or ''
if there == ARGV[2] then return 1 end
if there ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
