-- Takes an entry off its shard's ledger, if it is one of ours: its second byte says how long the name of its place is. So it
-- was in the form before, too, whose entries may still stand there.
local FORM = 3
local function strike(ledger, key)
    local head = redis.pcall('GETRANGE', key, 0, 257)
    if type(head) ~= 'string' or #head < 2 then return end
    local form = string.byte(head, 1)
    if form ~= FORM and form ~= FORM - 1 then return end
    local place = string.sub(head, 3, 2 + string.byte(head, 2))
    local number = string.format('%.0f', -(1099511627776 + redis.call('STRLEN', key)))
    if redis.call('HINCRBY', ledger, place, number) <= 0 then redis.call('HDEL', ledger, place) end
end

