-- Drop from an index what is old and has no record any more. A delivery that is pending, or was settled late, stays as
-- long as its record.
--
-- KEYS[1]  the index, a sorted set of delivery ids by the time they were made in ms
-- KEYS[2]  the prefix of the records' keys
-- ARGV[1]  the newest time that is old, in ms
-- ARGV[2]  how many old entries to skip
-- ARGV[3]  how many to look at, at most
-- Returns  {how many were looked at, how many of those stay}
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', ARGV[2], ARGV[3])
local kept = 0
for _, id in ipairs(old) do
  if redis.call('EXISTS', KEYS[2] .. id) == 1 then kept = kept + 1 else redis.call('ZREM', KEYS[1], id) end
end
return {#old, kept}
