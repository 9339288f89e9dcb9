-- KEYS[4] and on: entries. ARGV: channel, message, then the digest of each entry. How many there were.
local dropped = 0
for i = 4, #KEYS do
    dropped = dropped + redis.call('DEL', KEYS[i])
    strike(ARGV[i - 1])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return dropped
