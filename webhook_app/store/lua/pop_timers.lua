-- Journal the timers that are due, and remove them from the index, in one step.
--
-- KEYS[1]  the timers, a sorted set of `room id|name` by due time in ms
-- KEYS[2]  the journal
-- KEYS[3]  the flag that a wake-up of `process` is pending
-- ARGV[1]  how many timers to take at most
-- ARGV[2]  how long the flag stays set, in ms
-- Returns  {how many were due, 1 when a wake-up is due now else 0, ms until the next timer or -1 without one}
local time = redis.call('TIME')
local at = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 1, #due, 2 do
  local room, name = string.match(due[i], '^(.*)|([^|]*)$')
  redis.call('XADD', KEYS[2], '*', 's', 'clock', 't', 'timer', 'r', room, 'a', at,
    'd', cjson.encode({timer = name, due = tonumber(due[i + 1])}))
  redis.call('ZREM', KEYS[1], due[i])
end
local wake = 0
if #due > 0 and redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then wake = 1 end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local wait = -1
if #next > 0 then wait = math.max(0, tonumber(next[2]) - tonumber(at)) end
return {#due / 2, wake, wait}
