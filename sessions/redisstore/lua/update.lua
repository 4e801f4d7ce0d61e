local key, expected, record = KEYS[3], ARGV[1], ARGV[2]
local stored = read(key)
if stored == nil then return 'absent' end
if not stored then return 'corrupt' end
if version(stored) ~= expected then
  return again(stored, record) and 'ok' or 'conflict'
end
local size = struct.unpack('>I4', string.sub(stored, 91, 94))
record = string.sub(record, 1, 18)
  .. later(string.sub(stored, 19, 26), string.sub(record, 19, 26))
  .. later(string.sub(stored, 27, 34), string.sub(record, 27, 34))
  .. string.sub(record, 35, 66)
  .. string.sub(stored, 67) -- realm, created and origin stay
  .. redis.call('GETRANGE', key, HEAD, HEAD + size - 1)
  .. string.sub(record, HEAD + 1)
redis.call('SET', key, record)
if member(key, stored) ~= member(key, record) then unindex(member(key, stored)) end
index(key, record)
return 'ok'
