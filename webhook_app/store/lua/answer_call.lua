-- Journal a call's answer and end its claim in one step, unless the call was answered before.
--
-- KEYS[1]  the queue of calls
-- KEYS[2]  the journal
-- KEYS[3]  the flag that a wake-up of `process` is pending
-- KEYS[4]  the queue of probes
-- ARGV[1]  the call's id
-- ARGV[2]  the entry's source
-- ARGV[3]  the entry's type
-- ARGV[4]  the entry's room id ("" for none)
-- ARGV[5]  the entry's data (JSON)
-- ARGV[6]  how long the flag stays set, in ms
-- Returns  {the entry's id or "" when the call was answered before, 1 when a wake-up is due now else 0}
if redis.call('ZREM', KEYS[1], ARGV[1]) + redis.call('ZREM', KEYS[4], ARGV[1]) == 0 then return {'', 0} end
local time = redis.call('TIME')
local at = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local id = redis.call('XADD', KEYS[2], '*', 's', ARGV[2], 't', ARGV[3], 'r', ARGV[4], 'a', at, 'd', ARGV[5])
local wake = 0
if redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[6]) then wake = 1 end
return {id, wake}
