-- KEYS[1] the hits of a shard, then entries. ARGV: how long the hits are kept in ms, then how often each entry was served.
-- Those that are gone are passed over. Kept under the entry's digest, the end of its key: "hits:when in seconds".
local now = redis.call('TIME')[1]
local counted = 0
for i = 2, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then
        local digest = string.sub(KEYS[i], -16)
        local before = string.match(redis.call('HGET', KEYS[1], digest) or '', '^(%d+):') or 0
        redis.call('HSET', KEYS[1], digest, string.format('%.0f:%.0f', before + ARGV[i], now))
        counted = counted + 1
    end
end
if counted > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return counted
