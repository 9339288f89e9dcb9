-- KEYS: the generation of each tag. ARGV: life in ms, channel, then the tags.
-- A generation is the time of the tag's last invalidation in microseconds: it grows, and no two are the same even after
-- the old one's life is over.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local generations, told = {}, {}
for i, key in ipairs(KEYS) do
    local next = math.max(now, tonumber(redis.call('GET', key) or 0) + 1)
    generations[i] = string.format('%.0f', next)
    redis.call('SET', key, generations[i], 'PX', ARGV[1])
    told[2 * i - 1], told[2 * i] = ARGV[i + 2], generations[i]
end
redis.call('PUBLISH', ARGV[2], 'I' .. cmsgpack.pack(told))
return generations
