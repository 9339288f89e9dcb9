-- KEYS: the ledger. ARGV: the digest of an entry and how often it was served, and so on. Those that are gone are passed over.
local now = redis.call('TIME')[1]
for i = 1, #ARGV, 2 do
    local about = redis.call('HGET', KEYS[2], ARGV[i])
    local size, hits, stored, rest = string.match(about or '', '^(%d+):(%d+):(%d+):%d+:(.*)$')
    if size then
        local line = { size, string.format('%.0f', hits + ARGV[i + 1]), stored, math.max(0, now - stored), rest }
        redis.call('HSET', KEYS[2], ARGV[i], table.concat(line, ':'))
    end
end
