/**
 * Limits as scripts of Redis: one call is one decision, which nothing can come in between, by the clock of the server. They
 * compute what the limits of the gateway's own memory compute; one suite of tests holds both to the same model.
 */
import type { RedisScript } from '../sdk/index.ts';

/**
 * `add` counts what was let in elsewhere, in the window of `fixed`, and gives what was counted in place of what is left.
 *
 * KEYS: the count. ARGV: kind; limit, capacity or burst; window_ms or rate; cost; how long the count is kept after it has expired,
 * in ms; the time, '' for the server's. Gives whether it is allowed, what is left, until when in ms, and the delay in ms.
 */
export const DECIDE: RedisScript = {
  name: 'gatewrightDecide',
  lua: `
local kind, limit, pace, cost = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
local expires, current, previous, start = -1, 0, 0, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local e, c, p, s = string.match(kept, '^(%S+) (%S+) (%S+) (%S+)$')
  if not e then return redis.error_reply('ERR the key of a limit holds something else') end
  expires, current, previous, start = tonumber(e), tonumber(c), tonumber(p), tonumber(s)
end
local function keep()
  local text = string.format('%.17g %.17g %.17g %.17g', expires, current, previous, start)
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', math.ceil(expires - now + tonumber(ARGV[5]))))
end
local function answer(allowed, remaining, reset, delay)
  return { allowed, string.format('%.0f', remaining), string.format('%.6f', reset), string.format('%.6f', delay or 0) }
end

if kind == 'fixed' then
  local live = expires > now
  local used, reset = 0, pace
  if live then used, reset = current, expires - now end
  if cost > limit - used then return answer(0, 0, reset) end
  if cost > 0 then
    current = used + cost
    if not live then expires = now + pace end
    keep()
  end
  return answer(1, limit - used - cost, reset)
end

if kind == 'add' then
  local live = expires > now
  if not live then expires, current = now + pace, 0 end
  if cost > 0 then
    current = current + cost
    keep()
  end
  return answer(1, current, expires - now)
end

if kind == 'sliding' then
  local function untilRoom(before, now_used, elapsed, most)
    if now_used <= most then
      local share = 1
      if before > 0 then share = (most - now_used) / before end
      return math.max(0, pace - share * pace - elapsed)
    end
    return pace - elapsed + pace * (1 - most / now_used)
  end
  if expires <= now then
    expires, current, previous, start = now + 2 * pace, 0, 0, now
    if cost > limit then return answer(0, 0, pace) end
  elseif now - start >= pace then
    start, previous, current = start + pace, current, 0
  end
  local elapsed = math.max(0, now - start)
  local room = limit - current - previous * (pace - elapsed) / pace
  if cost > limit then return answer(0, 0, expires - now) end
  if cost > room then return answer(0, 0, untilRoom(previous, current, elapsed, limit - cost)) end
  if cost > 0 then
    current = current + cost
    expires = start + 2 * pace
    keep()
  end
  local remaining = math.max(0, math.floor(room - cost))
  if remaining > 0 or limit < 1 then return answer(1, remaining, 0) end
  return answer(1, remaining, untilRoom(previous, current, elapsed, limit - 1))
end

local ROUNDING = 1e-6
local full = math.max(expires, now)
if kind == 'tokens' then
  local tokens = limit - (full - now) * pace / 1000
  if cost > tokens + ROUNDING then
    return answer(0, 0, math.max(0, (math.min(cost, limit) - tokens) * 1000 / pace))
  end
  local left = tokens - cost
  if cost > 0 then
    expires = full + cost * 1000 / pace
    keep()
  end
  local remaining = math.max(0, math.floor(left + ROUNDING))
  if remaining > 0 then return answer(1, remaining, 0) end
  return answer(1, remaining, math.max(0, (1 - left) * 1000 / pace))
end

local delay = full - now
local waiting = delay * pace / 1000
if waiting > limit + ROUNDING then return answer(0, 0, (waiting - limit) * 1000 / pace) end
expires = full + 1000 / pace
keep()
return answer(1, 0, 0, delay)
`,
};

/**
 * KEYS: the places. ARGV: how many there are; who takes one; after how many ms it is free if it was never left; the time, '' for
 * the server's. Gives how many are taken now, 0 if none was free.
 */
export const ENTER: RedisScript = {
  name: 'gatewrightEnter',
  lua: `
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.17g', now))
local taken = redis.call('ZCARD', KEYS[1])
if taken >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.17g', now + tonumber(ARGV[3])), ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return taken + 1
`,
};
