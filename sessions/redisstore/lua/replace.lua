local old, key, expected, record = KEYS[3], KEYS[4], ARGV[1], ARGV[2]
local stored, taken = read(old), read(key)
if stored == nil then
  return again(taken, record) and 'ok' or 'absent'
end
if stored == false then return 'corrupt' end
if version(stored) ~= expected or taken ~= nil then return 'conflict' end
redis.call('SET', key, record)
index(key, record)
redis.call('DEL', old)
unindex(member(old, stored))
forget()
return 'ok'
