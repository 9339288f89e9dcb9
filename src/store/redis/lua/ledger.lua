-- The ledger of entries: KEYS[1] when each ends, KEYS[2] what each is ("size:hits:stored:last:fresh:keep:intent"),
-- KEYS[3] bytes by intent.

-- Strikes an entry out; its hits.
local function strike(digest)
    local about = redis.call('HGET', KEYS[2], digest)
    local hits = '0'
    if about then
        local size, counted, intent = string.match(about, '^(%d+):(%d+):%d+:%d+:%d+:%d+:(.*)$')
        if size then
            hits = counted
            if redis.call('HINCRBY', KEYS[3], intent, -size) <= 0 then redis.call('HDEL', KEYS[3], intent) end
        end
        redis.call('HDEL', KEYS[2], digest)
    end
    redis.call('ZREM', KEYS[1], digest)
    return hits
end

local function strike_over(most)
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local over = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
    for _, digest in ipairs(over) do strike(digest) end
end

