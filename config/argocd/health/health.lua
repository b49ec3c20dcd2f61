-- How Argo CD judges a custom resource of Portolan, by its status (kstatus). The same for all
-- kinds: hack/argocd-cm.sh copies it into their folders and into argocd-cm.yaml.
-- An object that is being deleted never gets here: to Argo CD it is Progressing.
local function verdict(status, message)
  return { status = status, message = message }
end

local status = obj.status
if status == nil then
  return verdict("Progressing", "Portolan has not looked at it yet")
end
if status.observedGeneration ~= obj.metadata.generation then
  return verdict("Progressing", "Portolan has not looked at the newest spec yet")
end

-- A paused Region keeps the conditions that it had before: they are about an older spec.
local conditions = {}
for _, c in ipairs(status.conditions or {}) do
  if c.observedGeneration == nil or c.observedGeneration == obj.metadata.generation then
    conditions[c.type] = c
  end
end

local function holds(name)
  local c = conditions[name]
  return c ~= nil and c.status == "True"
end

local function because(name)
  local c = conditions[name]
  if c.message == nil or c.message == "" then
    return c.reason
  end
  return c.reason .. ": " .. c.message
end

if holds("Paused") then
  return verdict("Suspended", because("Paused"))
end
if holds("Stalled") then
  return verdict("Degraded", because("Stalled"))
end
-- A Promotion waits for a person or for a window.
if holds("Held") then
  return verdict("Suspended", because("Held"))
end
if obj.spec ~= nil and obj.spec.paused == true then
  return verdict("Suspended", "spec.paused is true")
end
-- A Region that is only observed differs from its plan, and nothing puts that right.
local observed = conditions.Observed
if observed ~= nil and observed.reason == "Drifted" then
  return verdict("Suspended", because("Observed"))
end
if holds("Reconciling") then
  return verdict("Progressing", because("Reconciling"))
end
if holds("Ready") then
  return verdict("Healthy", because("Ready"))
end
if conditions.Ready ~= nil then
  return verdict("Progressing", because("Ready"))
end
return verdict("Progressing", "Portolan has not judged the newest spec yet")
