-- KEYS[1] the budget. ARGV: how many a minute. A sliding window: this minute's count and what the last one still weighs.
local time = redis.call('TIME')
local minute, second = math.floor(time[1] / 60), time[1] % 60
local then_, taken, before = unpack(redis.call('HMGET', KEYS[1], 'minute', 'taken', 'before'))
then_, taken, before = tonumber(then_ or 0), tonumber(taken or 0), tonumber(before or 0)
if then_ ~= minute then
    before = (then_ == minute - 1) and taken or 0
    taken = 0
end
if taken + math.floor(before * (60 - second) / 60) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'minute', minute, 'taken', taken + 1, 'before', before)
redis.call('PEXPIRE', KEYS[1], 120000)
return 1
