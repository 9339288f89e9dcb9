-- Leases tokens of a bucket that the fleet shares.
-- takes  KEYS[1] the bucket; ARGV[1] tokens a second and ARGV[2] the most it holds, both in thousandths; ARGV[3] tokens wanted
-- gives  tokens granted, tokens left
local rate, burst, want = tonumber(ARGV[1]) / 1000, tonumber(ARGV[2]) / 1000, tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(held[1]) or burst, tonumber(held[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000)
local granted = math.min(want, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', string.format('%.3f', tokens - granted), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(86400000, burst / rate * 1000 + 60000)))
return {granted, math.floor(tokens - granted)}
