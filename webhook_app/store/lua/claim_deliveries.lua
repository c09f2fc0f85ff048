-- Claim deliveries that are due, round-robin over subscribers, by moving their due time ahead by a lease.
--
-- 1. Bring back the subscribers that have free slots again: they may have been parked.
-- 2. For each subscriber that is due, take what its limit, its breaker and its rate allow. An open breaker that has
--    run out lets one delivery through; nobody else tries the subscriber before that one is settled.
-- 3. Put the subscriber where its next delivery is due. One at its limit is parked: it is looked at again when its
--    limit has room (step 1, or when a delivery is settled), or after the parking time.
--
-- KEYS[1]  the prefix of all keys
-- ARGV[1]  the lease in ms
-- ARGV[2]  the parking time in ms
-- ARGV[3]  how many to claim at most
-- ARGV[4]  how many of a healthy subscriber at most
-- ARGV[5]  how many of a subscriber that has failed since it last answered at most
-- ARGV[6]  how long a half-open breaker waits for its one delivery, in ms
-- ARGV[7]  how many subscribers to look at, at most
-- ARGV[8]  how many of the following subscribers to bring back
-- ARGV     then subscribers with limits of their own: id, limit; those to bring back first
-- Returns  {now in ms, ms until another subscriber is due or -1 without one, the subscribers' version,
--          the rooms' names (JSON), how many subscribers have more that is due; those subscribers' ids;
--          then for each claim: the delivery (JSON), its notice (JSON) or "" when it is kept no longer}
local prefix = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease, park, left = now + tonumber(ARGV[1]), now + tonumber(ARGV[2]), tonumber(ARGV[3])
local healthy, failing, half_open = tonumber(ARGV[4]), tonumber(ARGV[5]), now + tonumber(ARGV[6])
local limits, more, claims, queue = {}, {}, {}, prefix .. 'subscribers:due'

local function entry_of(record)
  local is_json, delivery = pcall(cjson.decode, record)
  local entry = is_json and type(delivery) == 'table' and delivery.entry
  return type(entry) == 'string' and entry ~= '' and entry
end

for i = 9, #ARGV, 2 do
  limits[ARGV[i]] = tonumber(ARGV[i + 1])
  if i < 9 + 2 * tonumber(ARGV[8]) then redis.call('ZADD', queue, 'XX', 'LT', now, ARGV[i]) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, ARGV[7])) do
  if left <= 0 then break end
  local subscriber, limit = prefix .. 'subscriber:' .. id, limits[id]
  local due, health = subscriber .. ':due', subscriber .. ':health'
  local open_until = tonumber(redis.call('HGET', prefix .. 'subscribers:open', id) or 0)
  if limit == nil then
    local score = redis.call('HGET', health, 'points')
    limit = (score and score ~= '0') and failing or healthy
  end
  if open_until > 0 then limit = math.min(limit, 1) end
  local rate, spent = tonumber(redis.call('HGET', prefix .. 'subscribers:rates', id) or 0), 0
  if rate > 0 then
    spent = math.max(now - 1000, tonumber(redis.call('HGET', health, 'spent') or 0))
    limit = math.min(limit, math.floor((now - spent) * rate / 1000))
  end
  if open_until > now then
    redis.call('ZADD', queue, open_until, id)
  else
    local claimed = 0
    if limit > 0 then
      local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, math.min(left, limit))
      for _, delivery_id in ipairs(ids) do
        local record = redis.call('GET', prefix .. 'delivery:' .. delivery_id)
        if record then
          local entry = entry_of(record)
          local notice = entry and redis.call('XRANGE', prefix .. 'outbox', entry, entry)[1]
          redis.call('ZADD', due, lease, delivery_id)
          claims[#claims + 1] = record
          claims[#claims + 1] = notice and notice[2][2] or ''
          left, claimed = left - 1, claimed + 1
        else
          redis.call('ZREM', due, delivery_id)
          redis.call('ZREM', prefix .. 'deliveries:pending', delivery_id)
        end
      end
    end
    if open_until > 0 and claimed > 0 then
      redis.call('HSET', prefix .. 'subscribers:open', id, string.format('%.0f', half_open))
      redis.call('HSET', health, 'trying', 1)
    end
    if rate > 0 then
      spent = math.ceil(spent + claimed * 1000 / rate)
      redis.call('HSET', health, 'spent', string.format('%.0f', spent))
    end
    local head = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
    if #head == 0 then
      redis.call('ZREM', queue, id)
    else
      local next = math.max(now, tonumber(head[2]))
      if next == now then
        more[#more + 1] = id
        if open_until > 0 and claimed > 0 then next = half_open
        elseif rate > 0 and spent + 1000 / rate > now then next = math.ceil(spent + 1000 / rate)
        elseif claimed >= limit then next = park end
      end
      redis.call('ZADD', queue, next, id)
    end
  end
end
local next, wait = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES'), -1
if #next > 0 then wait = math.max(0, tonumber(next[2]) - now) end
local answer = {
  now, wait, redis.call('GET', prefix .. 'subscribers:version'), redis.call('GET', prefix .. 'names'), #more,
}
for _, id in ipairs(more) do answer[#answer + 1] = id end
for _, part in ipairs(claims) do answer[#answer + 1] = part end
return answer
