-- KEYS[1] the shard's ledger, KEYS[2] the entry. ARGV: value, life in ms, place in the ledger, 1 when there is room for
-- one more, channel, message.
local is_new = redis.call('EXISTS', KEYS[2]) == 0
if is_new and ARGV[4] == '0' then return 'refused' end
strike(KEYS[1], KEYS[2])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('HINCRBY', KEYS[1], ARGV[3], string.format('%.0f', 1099511627776 + #ARGV[1]))
redis.call('PUBLISH', ARGV[5], ARGV[6])
return is_new and 'stored' or 'renewed'
