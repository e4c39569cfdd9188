-- Fills in what only a commit knows; see ringback/codec.py for the tokens.

-- RFC 3339 of milliseconds since 1970 (days to date: Howard Hinnant's civil_from_days).
local function rfc3339(ms)
  local floor = math.floor
  local seconds = floor(ms / 1000)
  local rest = seconds % 86400
  local z = floor(seconds / 86400) + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local day = doy - floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    floor(rest / 3600), floor(rest % 3600 / 60), rest % 60, ms % 1000)
end

local function filled(token, version, commit, notice)
  if token == 'v' then return string.format('%d', version) end
  local form, base, offset = token:match('^(%a)(%a)([+-]%d+)$')
  local ms = (base == 'c' and commit or notice) + tonumber(offset)
  if form == 't' then return '"' .. rfc3339(ms) .. '"' end
  return string.format('%d', ms)
end

-- Plain finds: a gsub would walk through every character of a view.
local function splice(text, version, commit, notice)
  local pieces, rest = {}, 1
  local open = text:find('\1', 1, true)
  while open do
    local close = text:find('\2', open, true)
    pieces[#pieces + 1] = text:sub(rest, open - 1)
    pieces[#pieces + 1] = filled(text:sub(open + 1, close - 1), version, commit, notice)
    rest = close + 1
    open = text:find('\1', rest, true)
  end
  pieces[#pieces + 1] = text:sub(rest)
  return table.concat(pieces)
end
