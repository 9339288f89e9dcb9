-- KEYS[1] the shard's ledger, KEYS[2] its hits, then the entries. ARGV: channel, message. How many there were.
local dropped = 0
for i = 3, #KEYS do
    strike(KEYS[1], KEYS[i])
    dropped = dropped + redis.call('DEL', KEYS[i])
    redis.call('HDEL', KEYS[2], string.sub(KEYS[i], -16))
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return dropped
