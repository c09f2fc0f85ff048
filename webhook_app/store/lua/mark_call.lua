-- Mark a call just before it is sent, if it is still its room's current call.
--
-- KEYS[1]  the current calls, a hash of call ids by room id
-- KEYS[2]  the call's mark
-- ARGV[1]  the room's id
-- ARGV[2]  the call's id
-- ARGV[3]  when the call was decided, in ms
-- ARGV[4]  how old it may be, in ms
-- ARGV[5]  how long the mark is kept, in s
-- Returns  {code, now in ms}; code: 1 marked, 0 superseded, -1 too old, -2 marked before
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {0, now} end
if now - tonumber(ARGV[3]) > tonumber(ARGV[4]) then return {-1, now} end
if not redis.call('SET', KEYS[2], now, 'NX', 'EX', ARGV[5]) then return {-2, now} end
return {1, now}
