-- How many entries, and the bytes of each intent.
strike_over(1000)
return { redis.call('ZCARD', KEYS[1]), redis.call('HGETALL', KEYS[3]) }
