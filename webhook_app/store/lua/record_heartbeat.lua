-- Record that a process lives, and which of its loops fail; forget processes that were not seen for long.
--
-- KEYS[1]  the processes, a sorted set of `name|host:pid` by the time they were last seen in ms
-- KEYS[2]  the failing loops, a hash of JSON by process
-- ARGV[1]  the process
-- ARGV[2]  how long a process that is gone is remembered, in ms
-- ARGV[3]  the failing loops of this process (JSON), or ""
-- Returns  now in ms
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[1]) else redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
return now
