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
from modelrollout.replay.again import Look, Mark


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
    marks = again.marks(spec, found.looks[-1].judged.engine)
    return {
        "baseline": spec.baseline.name,
        "candidate": spec.candidate.name,
        "looks": len(found.looks),
        "leftOut": found.left_out,
        "why": found.why,
        **_firsts(found.looks, 0),
        "guardrails": {
            rail.name: _firsts(found.looks, place) | _figures(found.looks[-1], place - 1, marks.get(rail.name))
            for place, rail in enumerate(spec.guardrails, 1)
        },
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


def _firsts(looks: Sequence[Look], place: int) -> dict[str, str | None]:
    """When this place of `again.said` first failed and passed."""

    def first(verdict: Verdict) -> str | None:
        return next((timestamp(look.at) for look in looks if again.said(look)[place] is verdict), None)

    return {"failedAt": first(Verdict.FAIL), "passedAt": first(Verdict.PASS)}


def _figures(last: Look, place: int, mark: Mark | None) -> dict[str, Any]:
    """What the guardrail shows at the last look; a query has no evidence in percent."""
    said = last.judged.guardrails[place]
    percents = {} if mark is None else {"percentToFail": round(mark.fail, 2), "percentToPass": round(mark.passed, 2)}
    samples = {"baselineSamples": said.baseline.samples, "candidateSamples": said.candidate.samples}
    return {"estimate": said.estimate, "interval": said.interval, **samples, **percents}


def _verdicts(looks: Sequence[Look]) -> list[dict[str, str]]:
    return [
        {"at": timestamp(look.at), "verdict": look.judged.verdict.value}
        for place, look in enumerate(looks)
        if place == 0 or look.judged.verdict is not looks[place - 1].judged.verdict
    ]
