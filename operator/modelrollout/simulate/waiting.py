"""Scenarios of waiting for a Pass: equal models, models at the margin, and models with hardly an error."""

from modelrollout.judge import rules
from modelrollout.simulate import scenarios
from modelrollout.simulate.jobs import Job
from modelrollout.simulate.ours import Ours
from modelrollout.simulate.qualities import Errors
from modelrollout.simulate.runs import Until
from modelrollout.simulate.shares import Ramp
from modelrollout.simulate.worlds import World

CORNER = 1.5
PASSES = {
    "errors, margin 1.5×": (Errors(0.01), rules.error_ratio("errors", 1.5, floor=0), 1.5),
    "errors, margin 2×": (Errors(0.01), rules.error_ratio("errors", 2.0, floor=0), 2.0),
    "3.3 % slower than an edge, margin 1.5×": (Errors(0.0334), rules.error_ratio("slow", 1.5, floor=0), 1.5),
    "accuracy 90 %, margin 2 pp": (Errors(0.1), rules.share_drop("accuracy", 0.02), 1.2),
}
UNTEMPERED = "accuracy 90 %, margin 2 pp"
"""Its yardstick is a judge that takes requests for independent; the default pays for not knowing that."""
PASS_CELLS = ((1.0, 0.05), (10.0, 0.05), (100.0, 0.05), (10.0, 0.25))


def passing(name: str, per_second: float, share: float, at_margin: bool) -> World:
    """An equal candidate, or one exactly at the margin, which no rule may pass."""
    quality, _, margin = PASSES[name]
    what = "at the margin" if at_margin else "equal"
    return World(
        f"{name}, {per_second:g} req/s at {100 * share:g} %, {what}",
        per_second,
        {scenarios.MEASURED: quality},
        {scenarios.MEASURED: margin if at_margin else 1.0},
        sharing=Ramp((share,)),
    )


def passes(runs: int) -> list[Job]:
    """How long an equal model waits for its Pass, and how often one at the margin gets it."""
    return [
        Job(passing(name, *at, at_margin), _judges(name), runs, Until.END if at_margin else Until.PASSED)
        for name in PASSES
        for at in PASS_CELLS
        for at_margin in (False, True)
    ]


def _judges(name: str) -> tuple[Ours, ...]:
    rule = PASSES[name][1]
    default = scenarios.ours(rule)
    return (default, scenarios.ours(rule, scenarios.PLAIN, 1.0)) if name == UNTEMPERED else (default,)


FLOOR_CELLS = ((10.0, 0.05), (100.0, 0.05), (10.0, 0.25), (200.0, 0.5))
RARE = 0.0005
FLOORED = rules.error_ratio("errors", 1.5, floor=0.005)
BY_RATIO = "ModelRollout, ratio alone"


def rare(rate: float, per_second: float, share: float, hours: float = 4.0) -> World:
    """Two equal models with hardly an error."""
    name = f"errors {100 * rate:g} % in both arms, {per_second:g} req/s at {100 * share:g} %"
    return World(name, per_second, {scenarios.MEASURED: Errors(rate)}, sharing=Ramp((share,)), hours=hours)


def corner(per_second: float) -> World:
    """The worst point of the null of Pass: the candidate at the floor and at the margin."""
    name = f"errors at the corner of floor and margin, {per_second:g} req/s"
    return World(name, per_second, {scenarios.MEASURED: Errors(0.005 / CORNER)}, {scenarios.MEASURED: CORNER})


def floors(runs: int) -> list[Job]:
    """What the floor is for: models with few errors pass in time, and its corner gives no more false passes."""
    alone = scenarios.ours(rules.error_ratio("errors", 1.5, floor=0), BY_RATIO)
    waits = [
        Job(rare(rate, *at), (scenarios.ours(FLOORED), *([alone] if rate else [])), runs, Until.PASSED)
        for rate in (0.0, RARE)
        for at in FLOOR_CELLS
    ]
    return waits + [Job(corner(traffic), (scenarios.ours(FLOORED),), runs) for traffic in scenarios.BUSY]
