-- KEYS[1] the generations of a shard. ARGV: channel, then for each tag its name and the least generation it must have; 0
-- invalidates it now.
-- A generation is the time of the tag's last invalidation in microseconds: it grows, and no two are the same.
local from = tonumber(since(KEYS[1]))
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local generations, told = {}, {}
for i = 2, #ARGV, 2 do
    local tag, least = ARGV[i], tonumber(ARGV[i + 1])
    local present = math.max(from, tonumber(redis.call('HGET', KEYS[1], tag) or 0))
    local next = least == 0 and math.max(now, present + 1) or math.max(least, present)
    local text = string.format('%.0f', next)
    generations[#generations + 1] = text
    if next > present then
        redis.call('HSET', KEYS[1], tag, text)
        told[#told + 1] = tag
        told[#told + 1] = text
    end
end
if #told > 0 then redis.call('PUBLISH', ARGV[1], 'I' .. cmsgpack.pack(told)) end
return generations
