-- KEYS[1] the generations of a shard. ARGV: a generation older than any entry, then tags. Those whose generation is older
-- still are forgotten; they then have the generation since which the others are kept, which is raised to ARGV[1] first and
-- voids nothing, because no entry lives so long.
local from = tonumber(since(KEYS[1]))
local oldest = tonumber(ARGV[1])
if from < oldest then redis.call('HSET', KEYS[1], '\0', ARGV[1]) end
local pruned = 0
for i = 2, #ARGV do
    local generation = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0)
    if generation > 0 and generation < oldest then pruned = pruned + redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return pruned
