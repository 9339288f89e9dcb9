-- KEYS[4] the entry, then the generation of each of its tags.
-- ARGV: value, life in ms, end in ms, digest, its line for the ledger, most entries, channel, message, then the generation
-- that each tag had when the fill began.
for i = 5, #KEYS do
    local present = tonumber(redis.call('GET', KEYS[i]) or 0)
    if present > tonumber(ARGV[i + 4]) then return 'outdated' end
end
strike_over(100)
local digest = ARGV[4]
local size, rest = string.match(ARGV[5], '^(%d+):%d+:(.*)$')
local hits = strike(digest)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[6]) then return 'refused' end
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], digest)
redis.call('HSET', KEYS[2], digest, size .. ':' .. hits .. ':' .. rest)
redis.call('HINCRBY', KEYS[3], string.match(rest, '^%d+:%d+:%d+:%d+:(.*)$'), size)
redis.call('PUBLISH', ARGV[7], ARGV[8])
return 'stored'
