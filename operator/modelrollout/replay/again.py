"""Judge looks again, with the very functions that judged them live (pure)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log

from modelrollout.api.contract import fraction
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import EngineState, JudgedBlocks, RolloutStatus, StageStatus, Verdict
from modelrollout.judge import codec, guardrails
from modelrollout.judge.thresholds import ThresholdState
from modelrollout.plan import engine, evidence
from modelrollout.plan.world import LookData


@dataclass(frozen=True)
class Mark:
    """How far ln E of one guardrail has come to its bounds, in percent; below 0 it speaks against them."""

    fail: float
    passed: float


@dataclass(frozen=True)
class Look:
    """One look, judged again. `at` is its evaluation time; weight is None when it changed within the block."""

    number: int
    at: float
    stage: int
    gate: bool
    weight: int | None
    judged: evidence.Judged


def looks(
    spec: RolloutSpec, opened: list[EngineState], record: Sequence[JudgedBlocks], seen: Iterable[LookData]
) -> Iterator[Look]:
    """Every look of the record, whose blocks are what was `seen`, in the same order. Raises a Refusal of the judge."""
    status, remaining = RolloutStatus(engine=opened), iter(seen)
    for place, blocks in enumerate(record):
        status = entered(status, blocks, is_first=place == 0)
        for data in _up_to(blocks.count, remaining):
            is_gate = blocks.gate and status.stage is not None and status.stage.looks == 0
            judged = evidence.judge(spec, status, data, blocks.weight, None)
            status = _after(status, judged)
            yield Look(status.looks, data.until, blocks.stage, is_gate, blocks.weight, judged)


def entered(status: RolloutStatus, blocks: JudgedBlocks, is_first: bool) -> RolloutStatus:
    """The status when these blocks begin: a new stage begins with its gate, or without one."""
    if not is_first and status.stage is not None and status.stage.index == blocks.stage:
        return status
    changed = {"stage": StageStatus(index=blocks.stage, started_at="")}
    if is_first:
        return status.model_copy(update=changed)
    renewed = engine.reopened(status.engine) if blocks.gate else engine.released(status.engine)
    return status.model_copy(update={**changed, "engine": renewed})


def fresh(spec: RolloutSpec, stored: Sequence[EngineState]) -> list[EngineState]:
    """The guardrails as they were before their first look, by the rules that were chosen then.

    Raises a Refusal of the judge for a state that cannot be read.
    """
    queries = {rail.name: rail for rail in spec.guardrails if rail.query is not None}
    return [
        engine.pack_threshold(queries[one.name], ThresholdState()) if one.name in queries else _unseen(one)
        for one in stored
    ]


def marks(spec: RolloutSpec, states: Sequence[EngineState]) -> dict[str, Mark]:
    """Where each guardrail that counts stands between its bounds."""
    stored = {one.name: one for one in states}
    counted = [rail for rail in spec.guardrails if rail.query is None and rail.name in stored]
    shares, alpha, found = evidence.alpha_shares(counted), fraction(spec.analysis.alpha), dict[str, Mark]()
    for rail in counted:
        reading = guardrails.read(*engine.unpack(stored[rail.name]))
        to_fail = float(reading.log_e_fail[0]) / -log(alpha * shares.get(rail.name, 1.0))
        found[rail.name] = Mark(100 * to_fail, 100 * float(reading.log_e_pass[0]) / -log(alpha))
    return found


def said(look: Look) -> tuple[Verdict, ...]:
    """Everything that the look says: of all guardrails together, and of each."""
    return (look.judged.verdict, *(one.verdict for one in look.judged.guardrails))


def _up_to(count: int, remaining: Iterator[LookData]) -> Iterator[LookData]:
    for _ in range(count):
        yield next(remaining)


def _after(status: RolloutStatus, judged: evidence.Judged) -> RolloutStatus:
    assert status.stage is not None
    stage = status.stage.model_copy(update={"looks": status.stage.looks + 1})
    return status.model_copy(update={"engine": judged.engine, "looks": status.looks + 1, "stage": stage})


def _unseen(stored: EngineState) -> EngineState:
    rule, _ = engine.unpack(stored)
    return stored.model_copy(update={"state": codec.encode(guardrails.start(rule), rule)})
