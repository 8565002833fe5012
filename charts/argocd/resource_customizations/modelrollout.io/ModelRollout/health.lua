-- Degraded: it goes on only when a person changes something. Suspended: it waits for a person's word.
-- The conditions are those of kstatus; the message is the operator's own sentence.

local function fields_of(value)
  if type(value) == "table" then
    return value
  end
  return {}
end

local status = fields_of(obj.status)

local function is(kind, wanted)
  for _, condition in pairs(fields_of(status.conditions)) do
    if type(condition) == "table" and condition.type == kind then
      return condition.status == wanted
    end
  end
  return false
end

local function said(health)
  local message = status.message
  if type(message) ~= "string" or message == "" then
    message = "The operator has not said anything yet"
  end
  return {status = health, message = message}
end

local seen = tonumber(status.observedGeneration)
local generation = tonumber(fields_of(obj.metadata).generation)
if seen == nil then
  return {status = "Progressing", message = "Waiting for the operator"}
end
if generation ~= nil and seen ~= generation then
  return {status = "Progressing", message = "Waiting for the operator to take up the new spec"}
end

if is("SpecValid", "False") or is("Stalled", "True") then
  return said("Degraded")
end
if is("Paused", "True") then
  return said("Suspended")
end
if is("Ready", "True") then
  return said("Healthy")
end
return said("Progressing")
