-- KEYS[1] a key of no use. ARGV[1] channel. What this user may not do of what all other scripts do.
local commands = {
    { 'SET', KEYS[1], '1', 'PX', 1000 }, { 'GETRANGE', KEYS[1], 0, 1 }, { 'STRLEN', KEYS[1] }, { 'EXISTS', KEYS[1] },
    { 'OBJECT', 'IDLETIME', KEYS[1] }, { 'DEL', KEYS[1] }, { 'HSETNX', KEYS[1], 'a', 1 }, { 'HSET', KEYS[1], 'a', 1 },
    { 'HINCRBY', KEYS[1], 'a', 1 }, { 'HGET', KEYS[1], 'a' }, { 'HMGET', KEYS[1], 'a' }, { 'HEXISTS', KEYS[1], 'a' },
    { 'HGETALL', KEYS[1] }, { 'HSCAN', KEYS[1], 0 }, { 'HDEL', KEYS[1], 'b' }, { 'PEXPIRE', KEYS[1], 1 },
    { 'PTTL', KEYS[1] }, { 'DEL', KEYS[1] }, { 'TIME' }, { 'PUBLISH', ARGV[1], '?' },
}
-- How Redis and Valkey say that this user may not.
local function is_refusal(why)
    return string.find(why, 'executing the script') or string.find(why, 'permission') or string.find(why, 'NOPERM')
end
local refused = {}
for _, command in ipairs(commands) do
    local answer = redis.pcall(unpack(command))
    if type(answer) == 'table' and answer.err and is_refusal(answer.err) then
        refused[#refused + 1] = string.lower(command[1])
    end
end
return refused
