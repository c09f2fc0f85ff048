-- Count a failed log-in of a network. Networks beyond the limit share one count, so that a million of them do not fill
-- the store.
--
-- KEYS[1]  the counts, a hash by network that expires as a whole
-- ARGV[1]  the network
-- ARGV[2]  how many networks to count apart at most
-- ARGV[3]  the window in ms
-- Returns  {the network's count, ms that are left of the window}
local network = ARGV[1]
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) and redis.call('HEXISTS', KEYS[1], network) == 0 then
  network = 'others'
end
local failures = redis.call('HINCRBY', KEYS[1], network, 1)
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {failures, redis.call('PTTL', KEYS[1])}
