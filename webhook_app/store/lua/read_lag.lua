-- Count the journal's entries after the reducer's cursor.
--
-- KEYS[1]  the journal
-- KEYS[2]  the cursor
-- ARGV[1]  how many entries to count at most
-- Returns  {cursor, count; then of the first entry after the cursor: id, type, time of its append in ms}
local cursor = redis.call('GET', KEYS[2]) or '0-0'
local first = redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', 1)
if #first == 0 then return {cursor, 0, '', '', 0} end
local at, kind, fields = 0, '', first[1][2]
for i = 1, #fields, 2 do
  if fields[i] == 'a' then at = tonumber(fields[i + 1]) or 0 end
  if fields[i] == 't' then kind = fields[i + 1] end
end
local count, after, limit = 0, cursor, tonumber(ARGV[1])
while count < limit do
  local entries = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', 500)
  count = count + #entries
  if #entries < 500 then break end
  after = entries[#entries][1]
end
return {cursor, math.min(count, limit), first[1][1], kind, at}
