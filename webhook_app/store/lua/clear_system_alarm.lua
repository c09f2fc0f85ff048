-- Clear an alarm about the reducer and append its notice to the outbox, unless the alarm has changed since it was read.
--
-- KEYS[1]  the raised alarms, a hash of JSON by name
-- KEYS[2]  the outbox
-- KEYS[3]  past alarms, a sorted set of JSON by the time they were cleared in ms
-- ARGV[1]  the alarm's name
-- ARGV[2]  the alarm as it was read (JSON)
-- ARGV[3]  the alarm as it is kept among past ones (JSON)
-- ARGV[4]  when it was cleared, in ms
-- ARGV[5]  its notice (JSON)
-- ARGV[6]  how many past alarms to keep
-- Returns  1 when it was cleared, 0 when it had changed
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -tonumber(ARGV[6]) - 1)
redis.call('XADD', KEYS[2], '*', 'n', ARGV[5])
return 1
