"""Requests are counted when they are answered, which by slow models is long after they were dealt out."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from decisions import decide
from factories import NOW, SCRAPE, arm, experiment, spec, stage, status, world
from modelrollout.api.status import Outcome, RolloutStatus
from modelrollout.plan.world import ArmCounts, LookData

PLAN = spec(stage(5, soak="9h"), stage(50, soak="9h"), stage(100, soak="9h"))
PER_SECOND = 40
LOOK_SECONDS = 30.0
LOOKS = 24
CHANGED = NOW  # when the weights came into force
FIRST_LOOK_SECONDS = SCRAPE + LOOK_SECONDS


@dataclass(frozen=True)
class Speed:
    """Seconds until an arm's answer begins, which is when it is counted, and until it has come to its end."""

    begins: float
    ends: float


FAST, SLOW, STREAM = Speed(0.05, 0.05), Speed(100.0, 100.0), Speed(5.0, 100.0)
SPEEDS = {
    "both are fast": (FAST, FAST),
    "the candidate is slow": (FAST, SLOW),
    "the baseline is slow": (SLOW, FAST),
    "both are slow": (SLOW, SLOW),
    "the candidate streams": (FAST, STREAM),
    "both stream": (STREAM, STREAM),
}
CHANGES = {"into the first stage": (0, 5), "into the next": (5, 50), "to the candidate": (50, 100), "back": (50, 0)}
EACH_SPEED = pytest.mark.parametrize("speeds", SPEEDS.values(), ids=SPEEDS)
EACH_CHANGE = pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)


class Requests:
    """Requests at an even pace from five minutes before the change on, dealt out by the candidate's weight of then."""

    def __init__(self, before: int, after: int, speeds: tuple[Speed, Speed], seed: int = 7) -> None:
        chance = np.random.default_rng(seed)
        dealt = np.arange(CHANGED - 300, CHANGED + SCRAPE + LOOKS * LOOK_SECONDS, 1 / PER_SECOND)
        to_candidate = 100 * chance.random(len(dealt)) < np.where(dealt < CHANGED, before, after)
        scatter = chance.uniform(0.8, 1.2, len(dealt))
        self._arms = [
            (dealt[mine], (dealt + scatter * speed.begins)[mine], (dealt + scatter * speed.ends)[mine])
            for mine, speed in zip((~to_candidate, to_candidate), speeds, strict=True)
        ]

    def looks(self) -> list[LookData]:
        """What looks see, from the first that lies wholly after the change."""
        begins = CHANGED + SCRAPE + LOOK_SECONDS * np.arange(LOOKS)
        return [LookData(since, since + LOOK_SECONDS, self._seen(0, since), self._seen(1, since)) for since in begins]

    def _seen(self, which: int, since: float) -> ArmCounts:
        dealt, begun, over = self._arms[which]
        until = since + LOOK_SECONDS
        before, after = (int(np.sum((dealt <= at) & (over > at))) for at in (since, until))
        return replace(arm(float(np.sum((begun > since) & (begun <= until)))), under_way=after - before)


def told(before: int, after: int, requests: Requests) -> tuple[str, float]:
    """The first thing that looks say of the split, `SplitNotAsWritten` or `confirmed`, and seconds after the change."""
    known = changed(before, after)
    for look in requests.looks():
        decision = decide(PLAN, known, world(experiment(100 - after, after), look=look), look.until + 20)
        known = decision.status
        if decision.notices:
            return decision.notices[0].reason, look.until - CHANGED
        if known.look_due_at is None:
            return "confirmed", look.until - CHANGED
    return "", LOOKS * LOOK_SECONDS


def changed(before: int, after: int) -> RolloutStatus:
    """The status when the weights came into force."""
    traffic = {"written_at": CHANGED - 1, "applied_at": CHANGED}
    if after == 0:
        return status(PLAN, 1, soaked=600, outcome=Outcome.ROLLED_BACK, look_due_at=CHANGED, traffic=traffic)
    return status(PLAN, (5, 50, 100).index(after), soaked=600 if before else 0, traffic=traffic)


@EACH_CHANGE
@EACH_SPEED
def test_answers_to_requests_of_the_weights_before_are_no_contradiction(
    before: int, after: int, speeds: tuple[Speed, Speed]
) -> None:
    said, _ = told(before, after, Requests(before, after, speeds))

    assert said == ("confirmed" if after == 0 else "")


@EACH_CHANGE
@EACH_SPEED
def test_weights_that_are_held_back_are_noticed_at_the_first_look(
    before: int, after: int, speeds: tuple[Speed, Speed]
) -> None:
    said, seconds = told(before, after, Requests(before, before, speeds))

    assert (said, seconds) == ("SplitNotAsWritten", FIRST_LOOK_SECONDS)


def test_a_candidate_that_hangs_is_not_taken_for_one_that_gets_nothing() -> None:
    hanging = (FAST, Speed(1e6, 1e6))

    said, _ = told(50, 0, Requests(50, 50, hanging))

    assert said == ""
