"""What the judge has to keep, as yes or no: validity to the letter of alpha, and speed against the oracle."""

from dataclasses import dataclass

from modelrollout.judge.arrays import Floats
from modelrollout.simulate import summary

LOOK_MINUTES = 0.5
MEDIAN_FACTOR, NINETY_FACTOR = 1.5, 3.0
SPARE_LOOKS = 2
LATE_FACTOR = 3.0


@dataclass(frozen=True)
class Target:
    """One sentence that is to be true, what was measured, and whether it is."""

    sentence: str
    measured: str
    is_met: bool


def valid(what: str, minutes: Floats, alpha: float = 0.05) -> Target:
    """At most alpha of the runs got there. It counts as broken when the 99 % interval (Wilson) lies above alpha."""
    found = summary.rate(minutes)
    low, high = found.wilson(summary.Z_99)
    measured = f"{100 * found.share:.1f} % of {found.runs} (99 %: {100 * low:.1f} to {100 * high:.1f})"
    return Target(f"{what}: at most {100 * alpha:g} %", measured, not found.is_above(alpha))


def fast(what: str, minutes: Floats, t80: float) -> Target:
    """Median within 1.5 T80 and 90 % within 3 T80, two looks more for both."""
    delay, spare = summary.delay(minutes), SPARE_LOOKS * LOOK_MINUTES
    median, ninety = MEDIAN_FACTOR * t80 + spare, NINETY_FACTOR * t80 + spare
    return Target(
        f"{what}: median within {median:.1f} and 90 % within {ninety:.1f} min",
        f"{delay.median:.1f} and {delay.ninety:.1f} min",
        delay.median <= median and delay.ninety <= ninety,
    )


def soon_after_onset(what: str, delays: Floats, fresh: Floats) -> Target:
    """Harm that begins late is found within three times the median of harm from the first look on."""
    late, early = summary.delay(delays).median, summary.delay(fresh).median
    bound = LATE_FACTOR * early
    return Target(f"{what}: median within {bound:.1f} min of its onset", f"{late:.1f} min", late <= bound)


def near(what: str, measured: float, expected: float, part: float) -> Target:
    """Within so large a part of what was expected."""
    is_met = abs(measured - expected) <= part * expected
    return Target(f"{what}: {expected:.1f} min ± {100 * part:g} %", f"{measured:.1f} min", is_met)
