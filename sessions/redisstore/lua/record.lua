-- What all scripts begin with. KEYS[1] is the index of deadlines, KEYS[2] that
-- of owners; records come after them. (The scripts of one-time values have
-- other keys.)
--
-- A record is a string, whose head has fixed places, from 1:
--
--   1 format, 2 flags, 3-10 version, 11-18 write, 19-26 last seen, 27-34 idle,
--   35-42 absolute, 43-50 auth time, 51-66 user, 67-82 realm, 83-90 created,
--   91-94 size of the origin, which comes next
--
-- Integers are big-endian, of 64 bits but for the size. Lua's numbers cannot
-- hold them, so times are compared by halves and versions as strings.
local FORMAT, HEAD = 1, 94
local GRACE = 2 * 60 * 60 * 1000 -- ms that a record stays after its deadline
local EXACT = 2 ^ 53             -- where whole numbers end, in Lua and in a score

local function later(a, b)
  local ahigh, alow = struct.unpack('>i4I4', a)
  local bhigh, blow = struct.unpack('>i4I4', b)
  if ahigh > bhigh or (ahigh == bhigh and alow > blow) then return a end
  return b
end

local function ms(time)
  local high, low = struct.unpack('>i4I4', time)
  return math.max(-EXACT, math.min(high * 2 ^ 32 + low, EXACT))
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function whole(n) return string.format('%.0f', n) end

-- read returns the head of a record: nil when there is none, false when it
-- is something else.
local function read(key)
  local head = redis.pcall('GETRANGE', key, 0, HEAD - 1)
  if head == '' then return nil end
  if type(head) ~= 'string' or #head < HEAD or string.byte(head) ~= FORMAT then return false end
  return head
end

local function version(head) return string.sub(head, 3, 10) end

-- again tells whether this very call has written the record before, and only
-- its answer was lost.
local function again(head, record)
  return head and string.sub(head, 11, 18) == string.sub(record, 11, 18)
end

local function deadline(head)
  return math.min(ms(string.sub(head, 27, 34)), ms(string.sub(head, 35, 42)))
end

-- member names a record in the indexes: realm, user, id.
local function member(key, head)
  return string.sub(head, 67, 82) .. string.sub(head, 51, 66) .. string.sub(key, -32)
end

-- index enters the record, or moves it to its deadline. An entry that was lost
-- is back with the next write.
local function index(key, head)
  local last, name = deadline(head), member(key, head)
  redis.call('PEXPIREAT', key, whole(math.max(last, now()) + GRACE))
  redis.call('ZADD', KEYS[1], whole(last), name)
  redis.call('ZADD', KEYS[2], 0, name)
end

local function unindex(name)
  redis.call('ZREM', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end

-- forget takes out two entries whose records have expired away: twice what a
-- new record brings, so that the indexes stay small when nobody sweeps.
local function forget()
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now() - GRACE), 'LIMIT', 0, 2)) do
    unindex(name)
  end
end

-- drop takes at most limit entries with a score up to last out of a sorted set.
local function drop(set, last, limit)
  local names = redis.call('ZRANGEBYSCORE', set, '-inf', whole(last), 'LIMIT', 0, limit)
  if #names > 0 then redis.call('ZREM', set, unpack(names)) end
  return #names
end
