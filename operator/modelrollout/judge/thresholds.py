"""A plain threshold on a measured value, for what is no count. No statistics: the user's limit and patience decide."""

from dataclasses import dataclass, replace
from math import isfinite

from modelrollout.judge.refusals import CountsRefused, RuleRefused
from modelrollout.judge.verdicts import Verdict


@dataclass(frozen=True)
class Threshold:
    """Values above the limit for at least for_seconds of looks fail. Raises RuleRefused for numbers without sense."""

    name: str
    limit: float
    for_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not isfinite(self.limit) or not self.for_seconds >= 0:
            raise RuleRefused(
                f"limit is {self.limit:g} for {self.for_seconds:g} s: the limit must be finite, the time at least 0"
            )


@dataclass(frozen=True)
class ThresholdState:
    """value: the last one read, None before the first look; breached_seconds: how long it has been beyond the limit.

    Plain values: `dataclasses.asdict(state)` stores it and `ThresholdState(**stored)` reads it back.
    """

    value: float | None = None
    breached_seconds: float = 0.0
    failed: bool = False


def advance(rule: Threshold, state: ThresholdState, value: float, seconds: float) -> ThresholdState:
    """The state after a look that read `value`, `seconds` after the look before.

    A value beyond the limit is taken to have been beyond it since the look before. Fail latches.
    Raises CountsRefused when the value is not finite.
    """
    if not isfinite(value):
        raise CountsRefused(f"guardrail {rule.name} read {value}: the query must give one finite number")
    if value <= rule.limit:
        return replace(state, value=value, breached_seconds=0.0)
    breached = state.breached_seconds + seconds
    return ThresholdState(value, breached, state.failed or breached >= rule.for_seconds)


def verdict(rule: Threshold, state: ThresholdState) -> Verdict:
    """Fail once beyond the limit for long enough, Pass while within it, Inconclusive otherwise."""
    if state.failed:
        return Verdict.FAIL
    within = state.value is not None and state.value <= rule.limit
    return Verdict.PASS if within else Verdict.INCONCLUSIVE
