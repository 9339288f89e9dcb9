-- KEYS: entries. ARGV[1] seconds. For each: 1 when nobody read it for longer (Redis cannot tell when it evicts by
-- frequency), else its place in the ledger. An unused one is not read here either, which would make it look used.
local about = {}
for i, key in ipairs(KEYS) do
    local idle = redis.pcall('OBJECT', 'IDLETIME', key)
    if type(idle) == 'number' and idle > tonumber(ARGV[1]) then
        about[i] = 1
    else
        local head = redis.pcall('GETRANGE', key, 0, 257)
        local is_ours = type(head) == 'string' and #head >= 2 and string.byte(head, 1) == 2
        about[i] = is_ours and string.sub(head, 3, 2 + string.byte(head, 2)) or ''
    end
end
return about
