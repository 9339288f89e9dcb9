-- KEYS[1] the generations of a shard. ARGV: tags. The generation of each.
local from = since(KEYS[1])
local generations = redis.call('HMGET', KEYS[1], unpack(ARGV))
for i, generation in ipairs(generations) do generations[i] = generation or from end
return generations
