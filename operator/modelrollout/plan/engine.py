"""Between the object and the judge's memory: rules from the spec, states in and out of the status.

A guardrail's state is kept together with its rule, as it was when its evidence began: a restart goes on with the
same bucket edges, and a guardrail that was changed begins anew.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from modelrollout.api.contract import seconds
from modelrollout.api.spec import Analysis, Guardrail, Query, RolloutSpec
from modelrollout.api.status import EngineState
from modelrollout.judge import codec, guardrails
from modelrollout.judge.guardrails import State
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.refusals import Refusal
from modelrollout.judge.rule import Rule
from modelrollout.judge.thresholds import Threshold, ThresholdState
from modelrollout.plan import hashes, rails
from modelrollout.plan.world import History

# One look reads a stored state half a dozen times, and a rule stays the same from look to look and over rollouts;
# to build its tests anew each time cost more than to judge. Both are values, so that sharing them is safe.
KEPT_RULES = 1024
# The states of 200 rollouts from one look to the next, and those after it: with fewer each was unpacked five times a
# look. 9 MB at most.
KEPT_STATES = 1024


def open_all(spec: RolloutSpec, past: Histogram | None, windows: History | None = None) -> list[EngineState]:
    """Every guardrail before its first look. Raises a Refusal of the judge when the history does not suffice."""
    return [opened(rail, spec.analysis, past, windows) for rail in spec.guardrails]


def opened(rail: Guardrail, analysis: Analysis, past: Histogram | None, windows: History | None = None) -> EngineState:
    """The guardrail before its first look. Raises a Refusal of the judge when the history does not suffice."""
    if rail.query is not None:
        return pack_threshold(rail, ThresholdState())
    rule = rails.rule(rail, analysis.clustered, past, windows)
    return pack(rail, analysis, rule, guardrails.start(rule))


def kept(rail: Guardrail, analysis: Analysis, engine: list[EngineState]) -> EngineState | None:
    """The stored state of this guardrail, unless the guardrail was changed since or the state cannot be read."""
    found = next((state for state in engine if state.name == rail.name), None)
    if found is None or _record(found.rule)["stamp"] != _stamp(rail, analysis):
        return None
    return found if rail.query is not None or _is_readable(found) else None


def reopened(engine: list[EngineState]) -> list[EngineState]:
    """The engine after a gate: PASS begins anew, FAIL runs on."""
    return [_changed(state, guardrails.reopen_pass) for state in engine]


def released(engine: list[EngineState]) -> list[EngineState]:
    """The engine at the start of a stage without a gate before it: a Pass that no longer holds is let go."""
    return [_changed(state, guardrails.release_pass) for state in engine]


def wants_history(spec: RolloutSpec, engine: list[EngineState]) -> bool:
    """True when a latency guardrail has yet to choose its bucket edges."""
    return any(rail.latency is not None and kept(rail, spec.analysis, engine) is None for rail in spec.guardrails)


def begins(spec: RolloutSpec, before: list[EngineState], after: list[EngineState]) -> bool:
    """True when there is a counting guardrail whose evidence is in `after` only."""
    counting = [rail for rail in spec.guardrails if rail.query is None]
    return any(kept(rail, spec.analysis, after) and not kept(rail, spec.analysis, before) for rail in counting)


def edges_wanted(engine: list[EngineState]) -> tuple[float, ...]:
    """The bucket edges (ms) that a look must read."""
    return tuple(sorted({edge for state in engine if _is_readable(state) for edge in unpack(state)[0].edges_ms}))


def running(spec: RolloutSpec, engine: list[EngineState]) -> dict[str, tuple[Rule, State]]:
    """Rule and evidence of every counting guardrail that can be read."""
    counting = {rail.name for rail in spec.guardrails if rail.query is None}
    return {state.name: unpack(state) for state in engine if state.name in counting and _is_readable(state)}


def pack(rail: Guardrail, analysis: Analysis, rule: Rule, state: State) -> EngineState:
    """A counted guardrail as the status keeps it."""
    record = {"stamp": _stamp(rail, analysis), "record": rule.to_record()}
    return EngineState(name=rail.name, rule=_json(record), state=codec.encode(state, rule))


def unpack(stored: EngineState) -> tuple[Rule, State]:
    """A counted guardrail as the judge knows it."""
    return _unpacked(stored.rule, stored.state)


def after(stored: EngineState, state: State) -> EngineState:
    """The same guardrail with newer evidence."""
    return stored.model_copy(update={"state": codec.encode(state, _known_rule(stored.rule))})


def threshold(rail: Guardrail, query: Query) -> Threshold:
    """The rule of a free query: how far beyond its limits it is (below 0: within) must not stay above 0."""
    return Threshold(rail.name, 0.0, seconds(query.for_))


def excess(query: Query, value: float) -> float:
    """How far the value is beyond its nearer limit; below 0 within the limits."""
    above = value - float(query.max) if query.max is not None else float("-inf")
    below = float(query.min) - value if query.min is not None else float("-inf")
    return max(above, below)


def pack_threshold(rail: Guardrail, state: ThresholdState) -> EngineState:
    """A free query as the status keeps it."""
    return EngineState(name=rail.name, rule=_json({"stamp": _stamp(rail)}), state=_json(asdict(state)))


def unpack_threshold(stored: EngineState) -> ThresholdState:
    """A free query as the judge knows it."""
    return ThresholdState(**json.loads(stored.state))


@lru_cache(KEPT_STATES)
def _unpacked(rule: str, state: str) -> tuple[Rule, State]:
    known = _known_rule(rule)
    return known, codec.decode(state, known)


@lru_cache(KEPT_RULES)
def _known_rule(text: str) -> Rule:
    return Rule.from_record(_record(text)["record"])


@lru_cache(KEPT_RULES)
def _record(text: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(text)
    return record


def _changed(stored: EngineState, change: Callable[[Rule, State], State]) -> EngineState:
    if not _is_readable(stored):
        return stored
    return after(stored, change(*unpack(stored)))


def _is_readable(stored: EngineState) -> bool:
    """True for a counted guardrail whose state can be read; one that cannot begins anew and stops nobody."""
    try:
        return "record" in _record(stored.rule) and bool(unpack(stored))
    except Refusal:
        return False


def _stamp(rail: Guardrail, analysis: Analysis | None = None) -> str:
    """What the guardrail was when its evidence began; requests that hang together are judged by other tests."""
    stamp = hashes.of(hashes.chosen(rail, "action", "critical"))
    return f"{stamp}-clustered" if analysis is not None and analysis.clustered and rail.query is None else stamp


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
