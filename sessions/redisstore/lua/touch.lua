local key, seen, idle = KEYS[3], ARGV[1], ARGV[2]
local stored = read(key)
if stored == nil then return 'ok' end
if not stored then return 'corrupt' end
local times = later(string.sub(stored, 19, 26), seen) .. later(string.sub(stored, 27, 34), idle)
if times ~= string.sub(stored, 19, 34) then
  redis.call('SETRANGE', key, 18, times)
  index(key, string.sub(stored, 1, 18) .. times .. string.sub(stored, 35))
end
return 'ok'
