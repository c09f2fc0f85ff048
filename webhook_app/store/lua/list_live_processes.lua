-- List the processes that were seen lately.
--
-- KEYS[1]  the processes, a sorted set by the time they were last seen in ms
-- KEYS[2]  the failing loops, a hash of JSON by process
-- ARGV[1]  how long ago a live process was seen at most, in ms
-- Returns  for each live process: `name|host:pid`, its failing loops (JSON) or ""
local time = redis.call('TIME')
local since = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(ARGV[1])
local answer = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf')) do
  answer[#answer + 1] = process
  answer[#answer + 1] = redis.call('HGET', KEYS[2], process) or ''
end
return answer
