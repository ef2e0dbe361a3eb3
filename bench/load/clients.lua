-- Every request from a new client, told by a proxy: a counter scattered over the
-- public IPv4 addresses, so that no two in one run are the same.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "plain.lua")

local n, head, tail

init = function(args)
  math.randomseed(os.time())
  n = math.random(0, 16777215)
  local text = wrk.format(nil, nil, { ["X-Forwarded-For"] = "@@" })
  head, tail = text:match("^(.-)@@(.*)$")
end

request = function()
  -- an odd step walks through all of 2^24 before it repeats
  n = (n + 10368889) % 16777216
  return head .. "20." .. math.floor(n / 65536) .. "." .. math.floor(n / 256) % 256
    .. "." .. n % 256 .. tail
end
