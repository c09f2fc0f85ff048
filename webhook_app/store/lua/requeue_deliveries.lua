-- Make deliveries pending once more, or for the first time, unless they are pending. A subscriber whose breaker is open
-- gets one delivery at once.
--
-- KEYS[1]  the prefix of all keys
-- ARGV[1]  the id of the recovery that this is a piece of, or ""
-- ARGV[2]  where the recovery was when it was read
-- ARGV[3]  where it is now, or "" when it is done
-- ARGV[4]  now in ms
-- ARGV     then for each delivery: its subscriber's id, its id, its record (JSON), the time it was made in ms
-- Returns  how many were made pending, or -1 when the recovery was not where it was read
local prefix, count = KEYS[1], 0
if ARGV[1] ~= '' then
  if redis.call('HGET', prefix .. 'recoveries', ARGV[1]) ~= ARGV[2] then return -1 end
  if ARGV[3] == '' then redis.call('HDEL', prefix .. 'recoveries', ARGV[1])
  else redis.call('HSET', prefix .. 'recoveries', ARGV[1], ARGV[3]) end
end
for i = 5, #ARGV, 4 do
  local subscriber, id, made_at = ARGV[i], ARGV[i + 1], ARGV[i + 3]
  if not redis.call('ZSCORE', prefix .. 'deliveries:pending', id) then
    redis.call('SET', prefix .. 'delivery:' .. id, ARGV[i + 2])
    redis.call('ZADD', prefix .. 'deliveries:pending', made_at, id)
    redis.call('ZADD', prefix .. 'deliveries:all', made_at, id)
    redis.call('ZADD', prefix .. 'subscriber:' .. subscriber .. ':deliveries', made_at, id)
    redis.call('ZREM', prefix .. 'deliveries:dead', id)
    redis.call('ZADD', prefix .. 'subscriber:' .. subscriber .. ':due', ARGV[4], id)
    if redis.call('HEXISTS', prefix .. 'subscribers:open', subscriber) == 1 then
      redis.call('HSET', prefix .. 'subscribers:open', subscriber, ARGV[4])
    end
    redis.call('ZADD', prefix .. 'subscribers:due', 'LT', ARGV[4], subscriber)
    count = count + 1
  end
end
return count
