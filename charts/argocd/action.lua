-- One annotation says it all. The operator acts on a token once, and only in the attempt and stage that it names.
local os = require("os")

local function fields_of(value)
  if type(value) == "table" then
    return value
  end
  return {}
end

-- A second click on what was not changed in between, within the same second, says the same again: nothing twice.
local token = os.date("!%Y%m%dT%H%M%SZ")
if type(obj.metadata.resourceVersion) == "string" then
  token = token .. "-" .. obj.metadata.resourceVersion
end

local status = fields_of(obj.status)
local told = {}
if tonumber(status.attempt) ~= nil then
  table.insert(told, "attempt=" .. tonumber(status.attempt))
end
local index = tonumber(fields_of(status.stage).index)
if names_stage and index ~= nil then
  table.insert(told, "stage=" .. (index + 1))
end

local text = verb .. "@" .. token
if #told > 0 then
  text = text .. "?" .. table.concat(told, "&")
end

obj.metadata.annotations = fields_of(obj.metadata.annotations)
obj.metadata.annotations["modelrollout.io/action"] = text
return obj
