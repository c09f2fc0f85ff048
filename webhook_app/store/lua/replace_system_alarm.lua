-- Replace an alarm about the reducer (by one that is acknowledged), unless it has changed since it was read.
--
-- KEYS[1]  the raised alarms, a hash of JSON by name
-- ARGV[1]  the alarm's name
-- ARGV[2]  the alarm as it was read (JSON)
-- ARGV[3]  the alarm that replaces it (JSON)
-- Returns  1 when it was replaced, 0 when it had changed
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
