-- SPDX-License-Identifier: Apache-2.0
-- Reads a .setting from standard input as Lua and prints it as JSON. Names of constructors are the arguments.
-- A table becomes {"made_by": constructor or null, "items": [...], "fields": {...}}.

local known = {}
for index = 1, #arg do
  local name = arg[index]
  known[name] = function(content)
    if type(content) ~= "table" then error(name .. " is not followed by a table", 2) end
    content[known] = name
    return content
  end
end
known.ordered = function()
  return function(content) return content end
end

local function unknown(_, name)
  error("unknown constructor " .. tostring(name), 2)
end

local function text(value)
  local plain = value:gsub('[%c"\\]', function(char) return string.format("\\u%04x", char:byte()) end)
  return '"' .. plain .. '"'
end

local json

local function table_as_json(value)
  local items, fields = {}, {}
  for index, item in ipairs(value) do items[index] = json(item) end
  for key, item in pairs(value) do
    local counted = type(key) == "number" and key >= 1 and key <= #items and key % 1 == 0
    if key ~= known and not counted then
      fields[#fields + 1] = text(tostring(key)) .. ":" .. json(item)
    end
  end
  table.sort(fields)
  local made_by = value[known] and text(value[known]) or "null"
  return '{"made_by":' .. made_by .. ',"items":[' .. table.concat(items, ",") .. '],"fields":{'
    .. table.concat(fields, ",") .. "}}"
end

function json(value)
  if type(value) == "table" then return table_as_json(value) end
  if type(value) == "string" then return text(value) end
  if type(value) == "number" then return string.format("%.17g", value) end
  if type(value) == "boolean" then return tostring(value) end
  error("a " .. type(value) .. " has no place in a macro")
end

local chunk, problem = loadstring("return " .. io.read("*a"), "=macro")
if not chunk then
  io.stderr:write(problem, "\n")
  os.exit(2)
end
setfenv(chunk, setmetatable({}, { __index = function(_, name) return known[name] or unknown(_, name) end }))
local worked, macro = pcall(chunk)
if not worked then
  io.stderr:write(tostring(macro), "\n")
  os.exit(3)
end
io.write(json(macro), "\n")
