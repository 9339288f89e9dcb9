-- KEYS[1] the lead. ARGV: token, channel, message. Told only when somebody waits.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
local awaited = redis.call('HEXISTS', KEYS[1], 'awaited')
redis.call('DEL', KEYS[1])
if awaited == 1 then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return 1
