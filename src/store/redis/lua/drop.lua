-- KEYS[1] the shard's ledger, then the entries. ARGV: channel, message. How many there were.
local dropped = 0
for i = 2, #KEYS do
    strike(KEYS[1], KEYS[i])
    dropped = dropped + redis.call('DEL', KEYS[i])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return dropped
