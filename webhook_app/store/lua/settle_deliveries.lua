-- Write the results of attempts, and what they mean for the health of their subscribers.
--
-- 1. Each delivery: keep its new record and put it back into its queue, or take it out. One that somebody else has
--    settled meanwhile (the lease had run out) stays as it is, except that a delivered one is not dead. A settled one
--    that keeps an order makes the next of its room due.
-- 2. Each subscriber: a success closes its breaker and resets its failures; failures of its own add to its score and
--    open the breaker at the threshold. A subscriber that is disabled or deleted has its health reset.
-- 3. Put each subscriber where its next delivery is due, or where its breaker opens again.
--
-- KEYS[1]  the prefix of all keys
-- ARGV[1]  in MessagePack: retention of settled records in s, breaker threshold, first and longest pause of a breaker
--          in ms, after how many ms and how many failures to disable, how long counts by hour are kept in s; then
--          a flat list of subscribers: id, succeeded, failed, failure score, last error, sum of lags in ms, jitter in
--          percent; and a flat list of deliveries: number of its subscriber in that list (from 1), id, state, record
--          (JSON), time of the next attempt in ms, room whose order it keeps or ""
-- Returns  {ids of subscribers to disable, ids of subscribers whose breaker has just opened}
local prefix = KEYS[1]
local retention, threshold, first_pause, longest_pause, disable_after, disable_failures, hours_kept,
  packed_subscribers, deliveries = unpack(cmsgpack.unpack(ARGV[1]))
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local subscribers, to_disable, opened = {}, {}, {}

local function is_enabled(record)
  local is_json, subscriber = pcall(cjson.decode, record)
  if not is_json or type(subscriber) ~= 'table' then return true end
  local fields = type(subscriber.open) == 'table' and subscriber.open or subscriber
  return fields.enabled ~= false
end

-- Run a command with many values: a call costs several times as much as a value. `unpack` takes 8,000 at most.
local function run(command, key, values)
  for first = 1, #values, 1000 do
    redis.call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end

for i = 1, #packed_subscribers, 7 do
  subscribers[#subscribers + 1] = {
    id = packed_subscribers[i], key = prefix .. 'subscriber:' .. packed_subscribers[i],
    succeeded = packed_subscribers[i + 1], failed = packed_subscribers[i + 2], score = packed_subscribers[i + 3],
    error = packed_subscribers[i + 4], lag = packed_subscribers[i + 5], jitter = packed_subscribers[i + 6],
    no_longer_due = {},
  }
end
local made, no_longer_pending = {}, {}
for first = 1, #deliveries, 6000 do
  local ids = {}
  for i = first, math.min(first + 5999, #deliveries), 6 do ids[#ids + 1] = deliveries[i + 1] end
  for at, made_at in ipairs(redis.call('ZMSCORE', prefix .. 'deliveries:pending', unpack(ids))) do
    made[ids[at]] = made_at
  end
end
for i = 1, #deliveries, 6 do
  local subscriber, id, state = subscribers[deliveries[i]], deliveries[i + 1], deliveries[i + 2]
  local record, room = deliveries[i + 3], deliveries[i + 5]
  local due = subscriber.key .. ':due'
  local made_at = made[id]
  if not made_at then
    redis.call('ZREM', due, id)  -- what is not pending is never due, or it would be claimed again and again
    if state == 'delivered' and redis.call('ZREM', prefix .. 'deliveries:dead', id) == 1 then
      redis.call('SET', prefix .. 'delivery:' .. id, record, 'EX', retention)
    end
  elseif state == 'pending' then
    redis.call('SET', prefix .. 'delivery:' .. id, record)
    redis.call('ZADD', due, deliveries[i + 4], id)
  else
    redis.call('SET', prefix .. 'delivery:' .. id, record, 'EX', retention)
    if state == 'dead' then redis.call('ZADD', prefix .. 'deliveries:dead', made_at, id) end
    made[id] = nil
    no_longer_pending[#no_longer_pending + 1] = id
    if room == '' then
      subscriber.no_longer_due[#subscriber.no_longer_due + 1] = id
    else
      redis.call('ZREM', due, id)
      local ordered = subscriber.key .. ':queue:' .. room
      redis.call('LREM', ordered, 1, id)
      local head = redis.call('LINDEX', ordered, 0)
      if head and not redis.call('ZSCORE', due, head) then redis.call('ZADD', due, now, head) end
    end
  end
end
run('ZREM', prefix .. 'deliveries:pending', no_longer_pending)
for _, subscriber in ipairs(subscribers) do
  run('ZREM', subscriber.key .. ':due', subscriber.no_longer_due)
  local health, breakers = subscriber.key .. ':health', prefix .. 'subscribers:open'
  local record = redis.call('HGET', prefix .. 'subscribers', subscriber.id)
  if not record or not is_enabled(record) then
    redis.call('DEL', health)
    redis.call('HDEL', breakers, subscriber.id)
  elseif subscriber.succeeded > 0 then
    redis.call('HSET', health, 'points', '0', 'answered_at', now)
    redis.call('HDEL', health, 'failing_since', 'failures', 'opened', 'error', 'trying')
    redis.call('HDEL', breakers, subscriber.id)
  elseif subscriber.score > 0 then
    local since = redis.call('HGET', health, 'failing_since')
    if not since then since = now; redis.call('HSET', health, 'failing_since', now) end
    redis.call('HSET', health, 'error', subscriber.error, 'failed_at', now)
    local failures = redis.call('HINCRBY', health, 'failures', subscriber.failed)
    local score = redis.call('HINCRBY', health, 'points', subscriber.score)
    local open_until = tonumber(redis.call('HGET', breakers, subscriber.id) or 0)
    local was_half_open = redis.call('HDEL', health, 'trying') == 1
    if score >= threshold and (open_until <= now or was_half_open) then
      local count = redis.call('HINCRBY', health, 'opened', 1)
      local pause = math.min(first_pause * 2 ^ math.min(count - 1, 20), longest_pause)
      local reopens_at = now + pause * (100 + subscriber.jitter) / 100
      redis.call('HSET', breakers, subscriber.id, string.format('%.0f', reopens_at))
      opened[#opened + 1] = subscriber.id
    end
    if now - tonumber(since) >= disable_after and failures >= disable_failures then
      to_disable[#to_disable + 1] = subscriber.id
    end
  end
  if subscriber.succeeded + subscriber.failed > 0 then
    local hour = subscriber.key .. ':hour:' .. math.floor(now / 3600000)
    if subscriber.succeeded > 0 then
      redis.call('HINCRBY', hour, 'answered', subscriber.succeeded)
      redis.call('HINCRBY', hour, 'lag', subscriber.lag)
    end
    if subscriber.failed > 0 then redis.call('HINCRBY', hour, 'failed', subscriber.failed) end
    redis.call('EXPIRE', hour, hours_kept)
  end
  local head = redis.call('ZRANGE', subscriber.key .. ':due', 0, 0, 'WITHSCORES')
  if #head == 0 then
    redis.call('ZREM', prefix .. 'subscribers:due', subscriber.id)
  else
    local next = math.max(tonumber(head[2]), tonumber(redis.call('HGET', breakers, subscriber.id) or 0))
    redis.call('ZADD', prefix .. 'subscribers:due', string.format('%.0f', next), subscriber.id)
  end
end
return {to_disable, opened}
