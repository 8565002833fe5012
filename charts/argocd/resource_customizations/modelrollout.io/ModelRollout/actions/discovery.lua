-- What the operator would do now; the rest is grey. It checks again itself, for things may change before the click.

local function fields_of(value)
  if type(value) == "table" then
    return value
  end
  return {}
end

local spec = fields_of(obj.spec)
local status = fields_of(obj.status)

local function is_false(kind)
  for _, condition in pairs(fields_of(status.conditions)) do
    if type(condition) == "table" and condition.type == kind then
      return condition.status == "False"
    end
  end
  return false
end

local began = (tonumber(status.attempt) or 0) > 0
local running = began and status.outcome == nil
local promoted = began and status.outcome == "Promoted"
local rolled_back = began and status.outcome == "RolledBack"
local valid = not is_false("SpecValid")
local held = type(status.pause) == "table"

local stage = fields_of(status.stage)
local index = tonumber(stage.index)
local plan = fields_of(fields_of(fields_of(spec.strategy).canary).stages)
local here = index ~= nil and fields_of(plan[index + 1]) or {}
local approved = type(stage.approvedBy) == "string" and stage.approvedBy ~= ""
local awaits = running and here.approval ~= nil and not approved
local forward = running and index ~= nil and valid and not held and spec.paused ~= true and not is_false("CandidatesReady")

local function action(allowed, name, icon)
  return {disabled = not allowed, displayName = name, iconClass = "fa fa-fw " .. icon}
end

return {
  pause = action(running and not held, "Pause", "fa-pause"),
  resume = action(running and held, "Resume", "fa-play"),
  approve = action(awaits, "Approve", "fa-check"),
  skip = action(forward and not awaits, "Skip to the next stage", "fa-step-forward"),
  promote = action(forward, "Promote without waiting", "fa-fast-forward"),
  abort = action(began and not rolled_back, "Abort: all traffic to the baseline", "fa-stop"),
  retry = action(rolled_back and valid, "Retry", "fa-redo"),
  restart = action(began and valid, "Restart from weight 0", "fa-sync"),
  undo = action(promoted, "Undo the promotion", "fa-undo"),
}
