-- KEYS[1] the document. ARGV: the version expected, content, channel, message. The new version, 0 when it moved on.
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', version + 1, 'content', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return version + 1
