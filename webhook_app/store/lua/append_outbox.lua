-- Append notices to the outbox, in order; one command for a batch, as a part of the commit's transaction.
--
-- KEYS[1]  the outbox, a stream
-- ARGV     the notices, JSON
for i = 1, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'n', ARGV[i])
end
