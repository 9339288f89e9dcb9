-- KEYS: entries. For how many seconds nobody read each; -1 when it is gone, or Redis evicts by frequency and cannot tell.
local idle = {}
for i, key in ipairs(KEYS) do
    local seconds = redis.pcall('OBJECT', 'IDLETIME', key)
    idle[i] = type(seconds) == 'number' and seconds or -1
end
return idle
