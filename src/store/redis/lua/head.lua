-- KEYS[1] an entry. Its head and how long its value is; an empty head and 0 when there is none, and 'x' and -1 when something
-- of another kind stands there. Only the head leaves the server, however large the answer.
local AFTER = 52
local head = redis.pcall('GETRANGE', KEYS[1], 0, 256 + AFTER)
if type(head) ~= 'string' then return { 'x', -1 } end
local place = string.byte(head, 2) or 0
return { string.sub(head, 1, 2 + place + AFTER), redis.call('STRLEN', KEYS[1]) }
