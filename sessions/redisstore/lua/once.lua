-- KEYS[1] is the index of spent keys, by the time until which to remember them.
local added = redis.call('ZADD', KEYS[1], 'NX', whole(math.max(tonumber(ARGV[2]), now())), ARGV[1])
drop(KEYS[1], now() - GRACE, 2) -- so that it stays small when nobody sweeps
return added == 1 and 'ok' or 'used'
