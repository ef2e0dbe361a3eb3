-- A hundred clients, told by a proxy, one after the other.
local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
dofile(here .. "plain.lua")

local n, head, tail = 0, nil, nil

init = function(args)
  local text = wrk.format(nil, nil, { ["X-Forwarded-For"] = "@@" })
  head, tail = text:match("^(.-)@@(.*)$")
end

request = function()
  n = (n + 1) % 100
  return head .. "20.0.0." .. n .. tail
end
