-- Append to timelines and outlines of rooms. One command for a batch's entries: packing and answering each of them
-- costs a quarter of folding it. Events in a row that changed nothing become one entry of the outline.
--
-- KEYS     for each entry: the timeline; the outline, or "" when none is written
-- ARGV     for each entry: event id, reasons, their arguments (JSON or ""), decisions and notices (JSON or ""),
--          "1" when nothing changed else "0", what a check found ("" for a timer)
for i = 1, #KEYS / 2 do
  local timeline, outline = KEYS[2 * i - 1], KEYS[2 * i]
  local id, reasons, arguments, decisions = ARGV[7 * i - 6], ARGV[7 * i - 5], ARGV[7 * i - 4], ARGV[7 * i - 3]
  local notices, unchanged, finding = ARGV[7 * i - 2], ARGV[7 * i - 1] == '1', ARGV[7 * i]
  local fields = {'r', reasons, 'd', decisions}
  if arguments ~= '' then fields[#fields + 1] = 'a'; fields[#fields + 1] = arguments end
  if notices ~= '' then fields[#fields + 1] = 'n'; fields[#fields + 1] = notices end
  if unchanged then fields[#fields + 1] = 'q'; fields[#fields + 1] = finding end
  redis.call('XADD', timeline, id, unpack(fields))
  if outline == '' then
    -- an event without a room has no outline
  elseif not unchanged then
    redis.call('XADD', outline, id, 'n', notices)
  else
    local checks = {c = 0, v = 0, f = id, p = '', w = ''}
    local last = redis.call('XREVRANGE', outline, '+', '-', 'COUNT', 1)[1]
    if last then
      local stored = {}
      for j = 1, #last[2], 2 do stored[last[2][j]] = last[2][j + 1] end
      if stored.c and (finding == '' or stored.w == '' or stored.w == finding) then
        checks = stored
        redis.call('XDEL', outline, last[1])
      end
    end
    if finding ~= '' then checks.c, checks.p, checks.w = checks.c + 1, id, finding end
    redis.call('XADD', outline, id, 'c', checks.c, 'v', checks.v + 1, 'f', checks.f, 'p', checks.p, 'w', checks.w)
  end
end
