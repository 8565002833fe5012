"""Builders of what the plan sees. A test states only what it is about; the rest is a healthy rollout at 10 %."""

from collections.abc import Mapping
from typing import Any

from modelrollout.api import spec as api_spec
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import (
    Artefact,
    GuardrailStatus,
    Outcome,
    RolloutStatus,
    StageStatus,
    Traffic,
    Verdict,
)
from modelrollout.judge.histograms import Histogram
from modelrollout.plan import attempts, engine, grid, hashes
from modelrollout.plan.draft import timestamp
from modelrollout.plan.world import ArmCounts, ExperimentView, LookData, ModelView, NoData, World

NOW = 1_700_000_010.0
NAME, UID, GENERATION = "predictor", "0e6f-rollout", 7
BASELINE, CANDIDATE = "old", "new"
SCRAPE = 15.0
FENCE = f"{UID}/1"
ERRORS = {"name": "errors", "errorRate": {}}
LATENCY = {"name": "latency", "latency": {"floor": "10ms"}}
EDGES = (5.0, 10.0, 25.0, 50.0, 100.0, float("inf"))
HISTORY = Histogram(EDGES, (600.0, 900.0, 960.0, 985.0, 996.0, 1000.0))


def stage(weight: int, soak: str = "1m", **fields: Any) -> dict[str, Any]:
    """A stage as a user writes it."""
    return {"weight": weight, "soak": soak, **fields}


def spec(
    *stages: Mapping[str, Any],
    guardrails: list[dict[str, Any]] | None = None,
    baseline: str = BASELINE,
    candidate: str = CANDIDATE,
    **fields: Any,
) -> RolloutSpec:
    """A spec; 10, 50, 100 % with a minute each, guarding errors, unless said otherwise."""
    return api_spec.parse(raw_spec(*stages, guardrails=guardrails, baseline=baseline, candidate=candidate, **fields))


def raw_spec(
    *stages: Mapping[str, Any],
    guardrails: list[dict[str, Any]] | None = None,
    baseline: str = BASELINE,
    candidate: str = CANDIDATE,
    **fields: Any,
) -> dict[str, Any]:
    """The same as a user writes it."""
    return {
        "baseline": {"name": baseline},
        "candidates": [{"name": candidate}],
        "strategy": {"canary": {"stages": list(stages) or [stage(10), stage(50), stage(100)]}},
        "guardrails": guardrails or [ERRORS],
        **fields,
    }


def status(
    of: RolloutSpec,
    index: int | None = 0,
    *,
    soaked: float = 0.0,
    requests: tuple[int, int] = (0, 0),
    verdict: Verdict = Verdict.INCONCLUSIVE,
    verdicts: Mapping[str, Verdict] | None = None,
    outcome: Outcome | None = None,
    traffic: Mapping[str, Any] | None = None,
    **fields: Any,
) -> RolloutStatus:
    """A status in the middle of stage `index` (None: before the first), its weights in force for a minute."""
    ended_weight = {Outcome.ROLLED_BACK: 0, Outcome.PROMOTED: 100}
    running_weight = 0 if index is None else of.stages[index].weight
    weight = running_weight if outcome is None else ended_weight[outcome]
    said = verdicts or {rail.name: verdict for rail in of.guardrails}
    known: dict[str, Any] = {
        "attempt": 1,
        "revision": hashes.revision(of),
        "policy_hash": hashes.policy(of),
        "artefacts": [Artefact(name=name, hash="v1") for name in (of.baseline.name, of.candidate.name)],
        "traffic": Traffic(
            wanted=attempts.weights_for(of, weight),
            candidate_weight=weight,
            written_at=NOW - 61,
            applied_at=NOW - 60,
            experiment_uid="uid-1",
        ).model_copy(update=traffic or {}),
        "outcome": outcome,
    }
    if index is not None:
        known |= {
            "stage": StageStatus(
                index=index,
                started_at=timestamp(NOW - 61),
                soaked_seconds=soaked,
                looks=round(soaked / 30),
                arm_requests=list(requests),
            ),
            "engine": engine.open_all(of, HISTORY),
            "looks": round(soaked / 30),
            "last_look_at": SINCE,
            "look_due_at": NOW + 20 if outcome is None else None,
            "verdict": verdict,
            "guardrails": [
                GuardrailStatus(name=name, verdict=one, message=f"{name} said {one}") for name, one in said.items()
            ],
        }
    return RolloutStatus(**known).model_copy(update=fields)


SINCE = grid.newest_evaluation(NOW - 30, 30.0, UID, SCRAPE)


def look(
    requests: tuple[float, float] = (9000, 1000),
    errors: tuple[float, float] = (0, 0),
    slow: tuple[float, float] = (0, 0),
    *,
    since: float = SINCE,
    seconds: float = 30.0,
    **fields: Any,
) -> LookData:
    """A look: baseline first, then candidate. Slow requests took 60 ms, the others 4 ms."""
    arms = [arm(*one) for one in zip(requests, errors, slow, strict=True)]
    return LookData(since, since + seconds, arms[0], arms[1], **fields)


def arm(requests: float, errors: float = 0.0, slow: float = 0.0) -> ArmCounts:
    """What one arm did."""
    below = {edge: requests if edge >= 60 else requests - slow for edge in EDGES}
    return ArmCounts(requests, errors, errors, requests, below)


GOOD = look(requests=(180_000, 20_000))
BAD = look(errors=(0, 500))
SILENT = NoData("NoSeries", "Prometheus has no series of model new")


def experiment(
    *weights: int, names: tuple[str, ...] = (BASELINE, CANDIDATE), default: str = BASELINE, **fields: Any
) -> ExperimentView:
    """Our Experiment with these weights, ready, taken up, written by us."""
    known: dict[str, Any] = {
        "uid": "uid-1",
        "generation": 3,
        "weights": tuple(zip(names, weights, strict=True)),
        "default": default,
        "is_ready": True,
        "settled": True,
        "fence": FENCE,
    }
    return ExperimentView(**(known | fields))


def model(name: str, is_ready: bool = True, artefact: str = "v1", reason: str = "") -> ModelView:
    """A Model."""
    return ModelView(name, is_ready, artefact, reason)


def world(
    seen: ExperimentView | None,
    *,
    models: tuple[ModelView, ...] = (ModelView(BASELINE, True, "v1"), ModelView(CANDIDATE, True, "v1")),
    look: LookData | NoData | None = None,
    history: Histogram | None = HISTORY,
    default_holder: str = "",
) -> World:
    """Both models ready, and nothing to look at, unless said otherwise."""
    return World(
        experiment=seen,
        models={one.name: one for one in models},
        generation=GENERATION,
        uid=UID,
        scrape_seconds=SCRAPE,
        default_holder=default_holder,
        look=look,
        history=history,
    )
