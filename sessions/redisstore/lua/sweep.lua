-- Deletes those of the records whose deadlines are at or before ARGV[1], and
-- mends what the indexes say of the others. ARGV[3] and on are their entries.
-- Returns how many were deleted, how many have deadlines after ARGV[2], and how
-- many were not there.
local last, after = tonumber(ARGV[1]), tonumber(ARGV[2])
local deleted, alive, absent = 0, 0, 0
for i = 3, #KEYS do
  local key, name = KEYS[i], ARGV[i]
  local stored = read(key)
  if stored == nil then
    unindex(name)
    absent = absent + 1
  elseif stored and member(key, stored) ~= name then
    unindex(name)
  elseif last > -math.huge and (not stored or deadline(stored) <= last) then
    redis.call('DEL', key)
    unindex(name)
    deleted = deleted + 1
  elseif stored then
    local score = deadline(stored)
    if tonumber(redis.call('ZSCORE', KEYS[1], name)) ~= score then index(key, stored) end
    if score > after then alive = alive + 1 end
  end
end
return {deleted, alive, absent}
