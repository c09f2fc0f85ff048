-- Make the deliveries of a piece of the outbox, those that are not there yet, and move the outbox's cursor.
--
-- A new delivery is leased to the caller at once when its subscriber has a free slot, and neither keeps an order, nor
-- has others due, nor an open breaker. Else it is due, or waits for its turn in its room's order.
--
-- KEYS[1]  the outbox's cursor
-- KEYS[2]  the prefix of all keys
-- ARGV[1]  in MessagePack (an argument each would cost the caller ten times as much): the cursor when it was read, the
--          cursor after this piece, lease in ms, parking time in ms; then flat lists: `room|family`, its newest
--          sequence; recovery id, its record (JSON); subscriber id, its free slots or -1 to leave it parked;
--          and for each delivery: number of its subscriber in that list (from 1), id, record (JSON), time it was made
--          in ms, room whose order it keeps or ""
-- Returns  -1 when the cursor has moved; else for each delivery: 0 it was there, 1 it is due or waits for its turn,
--          2 it is leased to the caller
local cursor, prefix = KEYS[1], KEYS[2]
local before, after, lease, park, latest, recoveries, packed_subscribers, deliveries = unpack(cmsgpack.unpack(ARGV[1]))
if (redis.call('GET', cursor) or '0-0') ~= before then return -1 end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
lease, park = now + lease, now + park

-- Run a command with many values: a call costs several times as much as a value. `unpack` takes 8,000 at most.
local function run(command, key, values)
  for first = 1, #values, 1000 do
    redis.call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end

local function append_pair(values, score, member)
  local count = #values
  values[count + 1], values[count + 2] = score, member
end

run('HSET', prefix .. 'outbox:latest', latest)
run('HSET', prefix .. 'recoveries', recoveries)
local subscribers = {}
for i = 1, #packed_subscribers, 2 do
  local id, slots = packed_subscribers[i], packed_subscribers[i + 1]
  local key = prefix .. 'subscriber:' .. id
  local subscriber = {id = id, key = key, slots = slots, is_parked = slots < 0, due = key .. ':due'}
  subscriber.created, subscriber.new_due = {}, {}
  subscriber.open_until = redis.call('HGET', prefix .. 'subscribers:open', id)
  local head = redis.call('ZRANGE', subscriber.due, 0, 0, 'WITHSCORES')
  if subscriber.open_until or (#head > 0 and tonumber(head[2]) <= now) then subscriber.slots = 0 end
  subscribers[#subscribers + 1] = subscriber
end
local answer, records, created = {}, prefix .. 'delivery:', {}
for i = 1, #deliveries, 5 do
  local subscriber, id = subscribers[deliveries[i]], deliveries[i + 1]
  local made_at, room = deliveries[i + 3], deliveries[i + 4]
  local result = 0
  if redis.call('SET', records .. id, deliveries[i + 2], 'NX') then
    append_pair(created, made_at, id)
    append_pair(subscriber.created, made_at, id)
    result = 1
    if room == '' or redis.call('RPUSH', subscriber.key .. ':queue:' .. room, id) == 1 then
      if subscriber.slots > 0 then subscriber.slots, result = subscriber.slots - 1, 2 end
      append_pair(subscriber.new_due, result == 2 and lease or now, id)
    end
  end
  answer[#answer + 1] = result
end
run('ZADD', prefix .. 'deliveries:pending', created)
run('ZADD', prefix .. 'deliveries:all', created)
for _, subscriber in ipairs(subscribers) do
  run('ZADD', subscriber.key .. ':deliveries', subscriber.created)
  if #subscriber.new_due > 0 then
    run('ZADD', subscriber.due, subscriber.new_due)
    if subscriber.open_until then
      redis.call('ZADD', prefix .. 'subscribers:due', 'LT', subscriber.open_until, subscriber.id)
    elseif subscriber.is_parked then
      redis.call('ZADD', prefix .. 'subscribers:due', 'LT', park, subscriber.id)
    else
      local head = redis.call('ZRANGE', subscriber.due, 0, 0, 'WITHSCORES')
      redis.call('ZADD', prefix .. 'subscribers:due', math.max(now, tonumber(head[2])), subscriber.id)
    end
  end
end
redis.call('SET', cursor, after)
return answer
