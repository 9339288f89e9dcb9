-- KEYS[1] the hits of a shard, then entries. Forgets the hits of those that are gone; how many there were.
local forgotten = 0
for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 0 then
        forgotten = forgotten + redis.call('HDEL', KEYS[1], string.sub(KEYS[i], -16))
    end
end
return forgotten
