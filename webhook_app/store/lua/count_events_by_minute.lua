-- Count the journal's newest entries by minute, from the newest one back.
--
-- KEYS[1]  the journal
-- ARGV[1]  how many minutes to go back
-- ARGV[2]  how many entries to count at most
-- ARGV[3]  how many entries to read at a time
-- Returns  {now in ms, how many were counted, the time of the oldest one counted in ms;
--          then for each minute that has entries: its number (0 is the present one), its count}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local since, left, top = now - ARGV[1] * 60000, tonumber(ARGV[2]), '+'
local counts, oldest, counted = {}, now, 0
while left > 0 do
  local entries = redis.call('XREVRANGE', KEYS[1], top, '-', 'COUNT', math.min(left, tonumber(ARGV[3])))
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local at = tonumber(string.match(entry[1], '^(%d+)'))
    if at < since then left = 0 break end
    local minute = math.max(0, math.floor((now - at) / 60000))
    counts[minute] = (counts[minute] or 0) + 1
    oldest, counted, left = at, counted + 1, left - 1
    top = '(' .. entry[1]
  end
end
local answer = {now, counted, oldest}
for minute, count in pairs(counts) do answer[#answer + 1] = minute; answer[#answer + 1] = count end
return answer
