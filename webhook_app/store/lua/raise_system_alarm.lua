-- Raise an alarm about the reducer and append its notice to the outbox, unless it is raised already.
--
-- KEYS[1]  the raised alarms, a hash of JSON by name
-- KEYS[2]  the outbox
-- ARGV[1]  the alarm's name
-- ARGV[2]  the alarm (JSON)
-- ARGV[3]  its notice (JSON)
-- Returns  1 when it was raised, 0 when it had been raised before
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'n', ARGV[3])
return 1
