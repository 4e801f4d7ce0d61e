local key = KEYS[3]
local stored = read(key)
redis.call('DEL', key)
if stored then unindex(member(key, stored)) end
return 'ok'
