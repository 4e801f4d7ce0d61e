local key, record = KEYS[3], ARGV[1]
local stored = read(key)
if stored ~= nil then
  return again(stored, record) and 'ok' or 'conflict'
end
redis.call('SET', key, record) -- first, because only a first write may find the memory full
index(key, record)
forget()
return 'ok'
