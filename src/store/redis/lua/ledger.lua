-- The ledger of entries: KEYS[1] when each ends, KEYS[2] what each is ("size:intent"), KEYS[3] bytes by intent.
local function strike(digest)
    local about = redis.call('HGET', KEYS[2], digest)
    if about then
        local size, intent = string.match(about, '^(%d+):(.*)$')
        if redis.call('HINCRBY', KEYS[3], intent, -size) <= 0 then redis.call('HDEL', KEYS[3], intent) end
        redis.call('HDEL', KEYS[2], digest)
    end
    redis.call('ZREM', KEYS[1], digest)
end

local function strike_over(most)
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local over = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
    for _, digest in ipairs(over) do strike(digest) end
end

