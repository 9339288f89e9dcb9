-- KEYS[1] the generations of a shard. Since when they are kept: a tag without one of its own has this generation. When
-- they are gone (evicted, flushed, another server) they begin anew now, which voids every entry from before.
local function since(key)
    local time = redis.call('TIME')
    redis.call('HSETNX', key, '\0', string.format('%.0f', time[1] * 1000000 + time[2]))
    return redis.call('HGET', key, '\0')
end

