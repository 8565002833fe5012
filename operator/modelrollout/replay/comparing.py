"""Is what was judged again what the rollout's status says? One sentence, and whether it is the same (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isclose

from modelrollout.api.spec import GuardrailAction, OnInconclusive, RolloutSpec
from modelrollout.api.status import EngineState, Outcome, RolloutStatus, Verdict
from modelrollout.plan import evidence
from modelrollout.plan.draft import timestamp
from modelrollout.replay import again
from modelrollout.replay.again import Look
from modelrollout.replay.rollouts import Rollout

LEAST_PERCENT = 0.01  # of a bound


@dataclass(frozen=True)
class Comparison:
    """Whether the same verdict was reached from the same numbers, and the sentence that says so."""

    is_same: bool
    sentence: str


def compare(rollout: Rollout, looks: Sequence[Look]) -> Comparison:
    """The rollout's own word beside the looks judged again; there is at least one look."""
    engine, verdict = _at_the_end(rollout.status, looks[-1])
    differences = [
        *_failed_before(rollout.spec, looks[:-1]),
        *_opened_without_pass(rollout.spec, looks),
        *_other_verdict(rollout.status.verdict, verdict),
        *_other_numbers(rollout, engine),
    ]
    if differences:
        return Comparison(False, f"Different: {'; '.join(differences)}.")
    return Comparison(True, _same(rollout, looks[-1], engine))


def _at_the_end(status: RolloutStatus, last: Look) -> tuple[list[EngineState], Verdict]:
    """What the status should hold; a stage that began since the last look has changed it once more."""
    newest = status.blocks[-1]
    if newest.count:
        return last.judged.engine, last.judged.verdict
    before = RolloutStatus(engine=last.judged.engine)
    return again.entered(before, newest, is_first=False).engine, Verdict.INCONCLUSIVE


def _failed_before(spec: RolloutSpec, looks: Sequence[Look]) -> list[str]:
    for look in looks:
        judged = RolloutStatus(guardrails=look.judged.guardrails)
        if failed := evidence.failed(spec, judged, GuardrailAction.ROLLBACK):
            return [f"at {timestamp(look.at)}, before the rollout ended, {failed}"]
    return []


def _opened_without_pass(spec: RolloutSpec, looks: Sequence[Look]) -> list[str]:
    if spec.analysis.on_inconclusive is OnInconclusive.PROMOTE:
        return []  # a deadline opens a stage too
    return [
        f"stage {after.stage + 1} began on a Pass, but at {timestamp(before.at)} the verdict is {before.judged.verdict}"
        for before, after in pairwise(looks)
        if after.gate and before.judged.verdict is not Verdict.PASS
    ]


def _other_verdict(told: Verdict, found: Verdict) -> list[str]:
    return [] if told is found else [f"the verdict is {found}, but the rollout's was {told}"]


def _other_numbers(rollout: Rollout, found: Sequence[EngineState]) -> list[str]:
    if list(found) == rollout.status.engine:
        return []
    told, now = (again.marks(rollout.spec, states) for states in (rollout.status.engine, found))
    return [
        f"ln E of {name} is at {mark.fail:.2f} % of the bound to fail and {mark.passed:.2f} % of that to pass, "
        f"but was at {told[name].fail:.2f} % and {told[name].passed:.2f} %"
        for name, mark in now.items()
        if _differ(mark.fail, told[name].fail) or _differ(mark.passed, told[name].passed)
    ]


def _differ(one: float, other: float) -> bool:
    """True for more than rounding does: a status rounds ln E, and sums of values are added in any order."""
    return not isclose(one, other, rel_tol=1e-4, abs_tol=LEAST_PERCENT)


def _same(rollout: Rollout, last: Look, engine: Sequence[EngineState]) -> str:
    status, ending = rollout.status, rollout.ending
    numbers = "bit for bit the same numbers" if list(engine) == status.engine else "the same numbers"
    counted = f"{status.looks} look{'' if status.looks == 1 else 's'}, {numbers}"
    if status.outcome is None or ending is None:
        return f"Same verdict so far: {status.verdict} at {timestamp(last.at)} ({counted})."
    failed = evidence.failed(rollout.spec, RolloutStatus(guardrails=last.judged.guardrails), GuardrailAction.ROLLBACK)
    if status.outcome is Outcome.ROLLED_BACK and not failed:
        return f"Same verdict: {status.verdict} ({counted}). No guardrail failed; at {ending.time}: {ending.message}"
    because = f" because {_first_failed(rollout, last)} failed" if failed else ""
    return f"Same verdict: {status.outcome} at {ending.time}{because} ({counted})."


def _first_failed(rollout: Rollout, last: Look) -> str:
    armed = {rail.name for rail in rollout.spec.guardrails if rail.action is GuardrailAction.ROLLBACK}
    return next(one.name for one in last.judged.guardrails if one.name in armed and one.verdict is Verdict.FAIL)
