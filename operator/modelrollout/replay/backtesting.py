"""A spec over a past that it did not steer (pure).

The rule is a simple one: the traffic is judged as it was, from the first block to the last, as one stage that nothing
ends. Weights, soaks, gates and deadlines move nothing, because the traffic of the past did not follow them; so Fail is
what a rollout with this traffic would have been rolled back for, and Pass what it would have gone on with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import EngineState, JudgedBlocks, Verdict
from modelrollout.plan.draft import timestamp
from modelrollout.plan.world import LookData, NoData
from modelrollout.replay import again
from modelrollout.replay.again import Look


@dataclass(frozen=True)
class Backtest:
    """Every look that had something to judge, the blocks that had not, and the reason of the first of those."""

    looks: list[Look]
    left_out: int
    why: str


def judge(
    spec: RolloutSpec, opened: list[EngineState], seen: Sequence[LookData | NoData], weight: int | None
) -> Backtest:
    """The looks, judged one after the other. What a silent block missed comes with the next: its counters went on."""
    known = [one for one in seen if isinstance(one, LookData)]
    missing = [one.message for one in seen if isinstance(one, NoData)]
    record = [JudgedBlocks(stage=0, since=0.0, count=len(known), weight=weight)]
    return Backtest(list(again.looks(spec, opened, record, known)), len(missing), missing[0] if missing else "")


def report(spec: RolloutSpec, found: Backtest) -> dict[str, Any]:
    """When each guardrail would first have failed or passed, and the verdicts over time, as plain JSON values."""
    last = found.looks[-1]
    marks = again.marks(spec, last.judged.engine)
    rails = {
        rail.name: {
            "failedAt": _first(found.looks, place, Verdict.FAIL),
            "passedAt": _first(found.looks, place, Verdict.PASS),
            "estimate": last.judged.guardrails[place - 1].estimate,
            "interval": last.judged.guardrails[place - 1].interval,
        }
        | ({"percentToFail": round(marks[rail.name].fail, 2), "percentToPass": round(marks[rail.name].passed, 2)}
           if rail.name in marks else {})
        for place, rail in enumerate(spec.guardrails, 1)
    }  # fmt: skip
    return {
        "baseline": spec.baseline.name,
        "candidate": spec.candidate.name,
        "looks": len(found.looks),
        "leftOut": found.left_out,
        "why": found.why,
        "failedAt": _first(found.looks, 0, Verdict.FAIL),
        "passedAt": _first(found.looks, 0, Verdict.PASS),
        "guardrails": rails,
        "verdicts": _verdicts(found.looks),
    }


def sentences(told: dict[str, Any]) -> str:
    """The report in words."""
    lines = [_sentence(name, rail) for name, rail in told["guardrails"].items()]
    if told["leftOut"]:
        lines.append(f"{told['leftOut']} blocks had nothing to judge, the first because: {told['why']}")
    return "\n".join([*lines, _closing(told)])


def _closing(told: dict[str, Any]) -> str:
    failed, passed, looks = told["failedAt"], told["passedAt"], told["looks"]
    if failed and passed and passed < failed:
        return f"Pass at {passed}, Fail at {failed}: a rollout may have gone on before it would have been rolled back."
    if failed:
        names = [name for name, rail in told["guardrails"].items() if rail["failedAt"] == failed]
        return f"Fail at {failed} because of {' and '.join(names) or 'all guardrails together'}."
    return f"Pass at {passed}." if passed else f"Inconclusive after {looks} looks: neither Fail nor Pass."


def _sentence(name: str, rail: dict[str, Any]) -> str:
    ends = [f"{word} at {rail[key]}" for word, key in (("failed", "failedAt"), ("passed", "passedAt")) if rail[key]]
    measured = f"; {rail['estimate']} {rail['interval']}".rstrip() if rail["estimate"] else ""
    return f"{name}: {' and '.join(ends) or 'neither failed nor passed'}{measured}"


def _first(looks: Sequence[Look], place: int, verdict: Verdict) -> str | None:
    return next((timestamp(look.at) for look in looks if again.said(look)[place] is verdict), None)


def _verdicts(looks: Sequence[Look]) -> list[dict[str, str]]:
    return [
        {"at": timestamp(look.at), "verdict": look.judged.verdict.value}
        for place, look in enumerate(looks)
        if place == 0 or look.judged.verdict is not looks[place - 1].judged.verdict
    ]
