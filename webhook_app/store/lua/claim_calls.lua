-- Claim calls that are due, by moving their due time ahead by a lease.
--
-- KEYS[1]  the queue of calls or of probes, a sorted set by due time in ms
-- KEYS[2]  the prefix of all keys
-- ARGV[1]  how many calls to claim at most
-- ARGV[2]  the lease in ms
-- Returns  for each claimed call: its record (JSON), 1 when it was marked before else 0
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
  local record = redis.call('GET', KEYS[2] .. 'call:' .. id)
  if record then
    answer[#answer + 1] = record
    answer[#answer + 1] = redis.call('EXISTS', KEYS[2] .. 'call:' .. id .. ':mark')
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return answer
