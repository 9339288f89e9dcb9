-- KEYS[1] the lead. ARGV: token, lease in ms. 1 when it is ours; else the holder is asked to tell when it gives it back.
if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 1
end
redis.call('HSET', KEYS[1], 'awaited', 1)
return 0
