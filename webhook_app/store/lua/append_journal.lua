-- Append entries to the journal, in order, each with the store's own time.
--
-- KEYS[1]  the journal, a stream
-- KEYS[2]  the flag that a wake-up of `process` is pending
-- ARGV     for each entry: source, type, room id ("" for none), data (bytes);
--          last: how long the flag stays set, in ms
-- Returns  {1 when a wake-up is due now, else 0; then the entries' ids}
local time = redis.call('TIME')
local at = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
local answer = {0}
for i = 1, #ARGV - 1, 4 do
  answer[#answer + 1] = redis.call('XADD', KEYS[1], '*',
    's', ARGV[i], 't', ARGV[i + 1], 'r', ARGV[i + 2], 'a', at, 'd', ARGV[i + 3])
end
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[#ARGV]) then answer[1] = 1 end
return answer
