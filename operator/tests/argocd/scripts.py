"""Run Lua as Argo CD runs it: Lua 5.1 with base, table and package alone, a clock by require("os"), one object in.

Argo CD uses gopher-lua with the libraries string, math, io and debug left out and strings without methods; empty
tables come back as lists, and it puts empty objects of the old object back in their place.
"""

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lupa import lua51

TREE = Path(__file__).parents[3] / "charts" / "argocd" / "resource_customizations" / "modelrollout.io" / "ModelRollout"
NOW = "20261121T190000Z"
LONGEST_RUN = 100_000  # instructions; Argo CD stops a script after a second, this takes a few milliseconds
HEALTHS = {"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}

Object = dict[str, Any]
Stopped = lua51.LuaError

_STRIPPED = """
local date, counted = ...
debug.sethook(function() error("the script runs on and on") end, "", counted)
getmetatable("").__index = nil
for _, library in pairs({"string", "math", "io", "debug", "coroutine", "os", "python"}) do
  _G[library], package.loaded[library] = nil, nil
end
package.path, package.cpath = "", ""
package.preload.os = function() return {date = date, time = function() return 0 end} end
"""


def health(found: Object) -> Object:
    """What health.lua says: status and message."""
    said: Object = run(_text("health.lua"), found)
    assert said["status"] in HEALTHS
    assert isinstance(said["message"], str)
    return said


def offered(found: Object) -> dict[str, Object]:
    """What discovery.lua says of each action."""
    said: dict[str, Object] = run(_text("actions/discovery.lua"), found)
    return said


def allowed(found: Object) -> set[str]:
    """Names of the actions that are not grey."""
    return {name for name, action in offered(found).items() if not action["disabled"]}


def acted(found: Object, action: str) -> Object:
    """The object that the action gives back, as Argo CD compares it with the old one to make its patch."""
    new: Object = run(_text(f"actions/{action}/action.lua"), found)
    return _with_empty_objects(new, found)


@cache
def _text(path: str) -> str:
    return (TREE / path).read_text()


def run(script: str, found: Object) -> Any:
    """What the script returns for this object. Raises Stopped for what Argo CD would not run."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    lua.execute(_STRIPPED, _date, LONGEST_RUN)
    lua.globals().obj = _table(lua, found)
    return _plain(lua.execute(script))


def _date(wanted: str) -> str:
    assert wanted == "!%Y%m%dT%H%M%SZ", "gopher-lua knows few letters: write the year first, and UTC"
    return NOW


def _table(lua: Any, value: Any) -> Any:
    """JSON in Lua: null is nil, so a field that is null is not there."""
    if isinstance(value, Mapping):
        return lua.table_from({key: _table(lua, part) for key, part in value.items() if part is not None})
    if isinstance(value, list):
        return lua.table_from([_table(lua, part) for part in value if part is not None])
    return value


def _plain(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if all(isinstance(key, int) for key in keys):  # an empty table, too
        return [_plain(value[key]) for key in sorted(keys)]
    return {key: _plain(value[key]) for key in keys}


def _with_empty_objects(new: Any, old: Any) -> Any:
    if new == [] and isinstance(old, Mapping):
        return copy.deepcopy(old)
    if isinstance(new, dict) and isinstance(old, Mapping):
        return {key: _with_empty_objects(part, old.get(key)) for key, part in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        return [_with_empty_objects(*both) for both in zip(new, old, strict=False)]
    return new
