"""A ModelRollout as the commands read it: one typed view of its JSON, for what any version of the operator wrote.

Whatever is missing or of another type counts as not said: half-filled statuses are shown, never refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.orders import ACTION
from modelrollout.cli import spans

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """One entry of the plan. An approval has the weight of the stage before it."""

    weight: int
    is_approval: bool = False
    soak: str = "5m"
    longest: str = "24h"
    deadline: str = ""
    on_deadline: str = ""


@dataclass(frozen=True)
class Arm:
    """One arm: percent of traffic wanted, and seen in the newest look (None: not seen yet)."""

    name: str
    wanted: int
    seen: float | None = None


@dataclass(frozen=True)
class Rail:
    """Where one guardrail stands. Samples are those since the last gate."""

    name: str
    verdict: str = "Inconclusive"
    message: str = ""
    estimate: str = ""
    limit: str = ""
    interval: str = ""
    ratio: float | None = None
    baseline_samples: int = 0
    candidate_samples: int = 0
    evidence: int = 0
    evidence_for: str = ""
    p_value: float | None = None
    fail_in: str = ""
    pass_in: str = ""
    query: str = ""


@dataclass(frozen=True)
class Entry:
    """One decision of the history. `time` in Unix seconds; `requests` were judged until then, the baseline's first."""

    time: float | None
    reason: str
    message: str
    attempt: int
    weight: int
    by: str = ""
    requests: tuple[int, ...] = ()


@dataclass(frozen=True)
class Said:
    """One condition. `since` in Unix seconds."""

    type: str
    status: str
    reason: str
    message: str = ""
    since: float | None = None


@dataclass(frozen=True)
class Running:
    """The stage that the rollout is in, its index from 0."""

    index: int
    soaked: float
    requests: tuple[int, ...] = ()
    approved_by: str = ""
    expires_at: float | None = None


@dataclass(frozen=True)
class Pause:
    """A person holds the rollout."""

    by: str
    reason: str
    since: float | None


@dataclass(frozen=True)
class Told:
    """The newest thing that a person told, and what came of it."""

    verb: str
    token: str
    by: str
    reason: str
    result: str
    message: str
    time: float | None


@dataclass(frozen=True)
class Rollout:
    """What the commands know of one rollout. Times are Unix seconds."""

    name: str
    namespace: str
    created: float | None
    is_being_deleted: bool
    is_current: bool  # the status speaks of the newest spec
    baseline: str
    candidate: str
    experiment: str
    alpha: str
    stages: tuple[Stage, ...]
    queries: frozenset[str]  # guardrails that are plain thresholds
    phase: str
    message: str
    attempt: int
    outcome: str
    stage: Running | None
    arms: tuple[Arm, ...]
    weight: int
    applied_at: float | None
    look_due_at: float | None
    looks: int
    verdict: str
    rails: tuple[Rail, ...]
    conditions: tuple[Said, ...]
    warnings: tuple[str, ...]
    history: tuple[Entry, ...]
    pause: Pause | None
    told: Told | None
    used_tokens: frozenset[str] = frozenset()
    requests: tuple[int, ...] = ()  # judged in the attempt: the baseline's first; none: not known
    order: str = ""  # the newest annotation that tells it something, as it was written

    @property
    def stage_number(self) -> int:
        """The stage as people count, from 1; 0 before the first."""
        return self.stage.index + 1 if self.stage else 0

    @property
    def plan(self) -> Stage | None:
        """The present stage of the plan; None before the first and when the plan has none of this index."""
        index = self.stage.index if self.stage else -1
        return self.stages[index] if 0 <= index < len(self.stages) else None

    @property
    def is_awaiting_approval(self) -> bool:
        """True while only a person can let it go on by saying so."""
        return (said := self.condition("Paused")) is not None and said.reason == "AwaitingApproval"

    def condition(self, type_: str) -> Said | None:
        """The condition of this type, if it was said."""
        return next((one for one in self.conditions if one.type == type_), None)

    def entries(self) -> tuple[Entry, ...]:
        """What was decided in the present attempt, newest first."""
        return tuple(one for one in self.history if one.attempt == self.attempt)


def rollout(found: Json) -> Rollout:
    """The view of one ModelRollout as the API server gives it."""
    metadata, spec, status = _record(found, "metadata"), _record(found, "spec"), _record(found, "status")
    traffic = _record(status, "traffic")
    candidates = _records(spec, "candidates")
    baseline = _text(_record(spec, "baseline"), "name")
    candidate = _text(candidates[0], "name") if candidates else ""
    return Rollout(
        name=_text(metadata, "name"),
        namespace=_text(metadata, "namespace"),
        created=_moment(metadata, "creationTimestamp"),
        is_being_deleted=bool(metadata.get("deletionTimestamp")),
        is_current=_number(status, "observedGeneration") == _number(metadata, "generation"),
        baseline=baseline,
        candidate=candidate,
        experiment=_text(status, "experiment") or _text(_record(spec, "experiment"), "name") or _text(metadata, "name"),
        alpha=_text(_record(spec, "analysis"), "alpha") or "5%",
        stages=_stages(spec),
        queries=frozenset(_text(one, "name") for one in _records(spec, "guardrails") if "query" in one),
        phase=_text(status, "phase") or "Pending",
        message=_text(status, "message"),
        attempt=int(_number(status, "attempt") or 0),
        outcome=_text(status, "outcome"),
        stage=_running(_record(status, "stage")),
        arms=_arms(traffic, baseline, candidate),
        weight=int(_number(traffic, "candidateWeight") or 0),
        applied_at=_number(traffic, "appliedAt"),
        look_due_at=_number(status, "lookDueAt"),
        looks=int(_number(status, "looks") or 0),
        verdict=_text(status, "verdict"),
        rails=tuple(_rail(one) for one in _records(status, "guardrails")),
        conditions=tuple(_said(one) for one in _records(status, "conditions")),
        warnings=_warnings(status),
        history=tuple(_entry(one) for one in _records(status, "history")),
        pause=_pause(_record(status, "pause")),
        told=_told(_record(status, "lastHandledAction")),
        used_tokens=frozenset(one for one in _list(status, "usedTokens") if isinstance(one, str)),
        requests=_counts(status, "armRequests"),
        order=_text(_record(metadata, "annotations"), ACTION),
    )


def _stages(spec: Json) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for one in _records(_record(_record(spec, "strategy"), "canary"), "stages"):
        if "approval" in one:
            approval = _record(one, "approval")
            weight = stages[-1].weight if stages else 0
            deadline, answer = _text(approval, "deadline"), _text(approval, "onDeadline")
            stages.append(Stage(weight, is_approval=True, deadline=deadline, on_deadline=answer))
        else:
            weight = int(_number(one, "weight") or 0)
            stages.append(Stage(weight, soak=_text(one, "soak") or "5m", longest=_text(one, "maxDuration") or "24h"))
    return tuple(stages)


def _arms(traffic: Json, baseline: str, candidate: str) -> tuple[Arm, ...]:
    seen = {_text(one, "name"): one for one in _records(traffic, "observed")}
    wanted = _records(traffic, "wanted") or [{"name": baseline, "weight": 100}, {"name": candidate, "weight": 0}]
    return tuple(
        Arm(name, int(_number(one, "weight") or 0), _percent(seen.get(name)))
        for one in wanted
        if (name := _text(one, "name"))
    )


def _percent(seen: Json | None) -> float | None:
    """What the newest look showed; None when it saw nothing."""
    return None if seen is None else _number(seen, "percent")


def _running(found: Json) -> Running | None:
    if not found:
        return None
    return Running(
        index=int(_number(found, "index") or 0),
        soaked=_number(found, "soakedSeconds") or 0.0,
        requests=_counts(found, "armRequests"),
        approved_by=_text(found, "approvedBy"),
        expires_at=_number(found, "expiresAt"),
    )


def _rail(found: Json) -> Rail:
    return Rail(
        name=_text(found, "name"),
        verdict=_text(found, "verdict") or "Inconclusive",
        message=_text(found, "message"),
        estimate=_text(found, "estimate"),
        limit=_text(found, "limit"),
        interval=_text(found, "interval"),
        ratio=_number(found, "ratio"),
        baseline_samples=int(_number(_record(found, "baseline"), "samples") or 0),
        candidate_samples=int(_number(_record(found, "candidate"), "samples") or 0),
        evidence=max(0, min(100, int(_number(found, "evidence") or 0))),
        evidence_for=_text(found, "evidenceFor"),
        p_value=_number(found, "alwaysValidPValue"),
        fail_in=_text(found, "failIn"),
        pass_in=_text(found, "passIn"),
        query=_text(found, "query"),
    )


def _entry(found: Json) -> Entry:
    return Entry(
        time=_moment(found, "time"),
        reason=_text(found, "reason"),
        message=_text(found, "message"),
        attempt=int(_number(found, "attempt") or 0),
        weight=int(_number(found, "weight") or 0),
        by=_text(found, "by"),
        requests=_counts(found, "requests"),
    )


def _said(found: Json) -> Said:
    since = _moment(found, "lastTransitionTime")
    type_, status, reason, message = (_text(found, key) for key in ("type", "status", "reason", "message"))
    return Said(type_, status, reason, message, since)


def _warnings(status: Json) -> tuple[str, ...]:
    """Those of the plan and of the present stage, each once."""
    both = [*_list(_record(status, "stage"), "warnings"), *_list(status, "warnings")]
    return tuple(dict.fromkeys(one for one in both if isinstance(one, str)))


def _pause(found: Json) -> Pause | None:
    if not found:
        return None
    return Pause(_text(found, "by"), _text(found, "reason"), _moment(found, "since"))


def _told(found: Json) -> Told | None:
    if not found:
        return None
    verb, token, by, reason = (_text(found, key) for key in ("verb", "token", "by", "reason"))
    return Told(verb, token, by, reason, _text(found, "result"), _text(found, "message"), _moment(found, "time"))


# --- what JSON may lack -----------------------------------------------------------------------------------------------


def _record(found: Json, key: str) -> Json:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(found: Json, key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def _counts(found: Json, key: str) -> tuple[int, ...]:
    return tuple(int(one) for one in _list(found, key) if isinstance(one, int | float))


def _records(found: Json, key: str) -> list[Json]:
    return [one for one in _list(found, key) if isinstance(one, Mapping)]


def _text(found: Json, key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _number(found: Json, key: str) -> float | None:
    value = found.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(found: Json, key: str) -> float | None:
    return spans.moment(_text(found, key))
