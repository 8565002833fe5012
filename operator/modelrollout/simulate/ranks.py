"""Rules that compare the two arms' values per minute by their ranks, again without the code of the tool.

* Kayenta's judge: a 98 % interval of Mann and Whitney for the shift between the arms' values; worse when the interval
  lies beyond 25 % of the estimated shift (Hodges and Lehmann). The last 60 minutes are compared, from minute 30 on,
  every minute or every hour.
* Plain Mann-Whitney: the one-sided U test at 5 %, with the correction for ties, on the same values every minute.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelrollout.judge.arrays import Flags, Floats, floats
from modelrollout.simulate.contestants import Said, nobody
from modelrollout.simulate.looks import Look, Pair, flags
from modelrollout.simulate.oracle import Z_ALPHA
from modelrollout.simulate.peers import measured
from modelrollout.simulate.qualities import Quality
from modelrollout.simulate.worlds import World

POINT_SECONDS = 60.0
POINTS = 60
FIRST_POINT = 30
Z_KAYENTA = 2.3263478740408408  # two-sided 98 %
TOLERANCE = 0.25

Test = Callable[[Floats, Floats], Flags]


@dataclass(frozen=True)
class PerMinute:
    """A test on the last 60 values per minute of both arms, from the 30th on, every `every` points."""

    name: str
    quality: str
    test: Test
    every: int = 1

    def start(self, world: World, runs: int) -> "PerMinutePlayer":
        """The rule before its first look."""
        looks = max(1, round(POINT_SECONDS / world.interval_seconds))
        return PerMinutePlayer(self, world.measured[self.quality], looks, nobody(runs))


@dataclass
class PerMinutePlayer:
    """A test per minute at work."""

    rule: PerMinute
    quality: Quality
    looks_per_point: int
    failed: Flags

    def __post_init__(self) -> None:
        self.open: Pair | None = None
        self.points = 0
        self.candidate: deque[Floats] = deque(maxlen=POINTS)
        self.baseline: deque[Floats] = deque(maxlen=POINTS)

    def advance(self, look: Look) -> Said:
        """Judge when a minute is complete and one is due."""
        pair = look.measured[self.rule.quality]
        self.open = pair if self.open is None else self.open.plus(pair)
        if look.number % self.looks_per_point == 0:
            self.candidate.append(measured(self.quality, self.open.candidate))
            self.baseline.append(measured(self.quality, self.open.baseline))
            self.points, self.open = self.points + 1, None
            waiting = ~self.failed
            if self._is_due() and waiting.any():
                told = [np.column_stack(arm)[waiting] for arm in (self.candidate, self.baseline)]
                self.failed[waiting] = self.rule.test(*told)
        return Said(self.failed.copy(), nobody(len(self.failed)))

    def _is_due(self) -> bool:
        first = max(FIRST_POINT, self.rule.every)
        return self.points >= first and self.points % self.rule.every == 0


def kayenta(quality: str, every_minutes: int = 1) -> PerMinute:
    """Kayenta's judge every so many minutes."""
    return PerMinute("Kayenta /min" if every_minutes == 1 else "Kayenta /h", quality, shift_is_clear, every_minutes)


def mann_whitney(quality: str) -> PerMinute:
    """The plain U test every minute."""
    return PerMinute("Mann-Whitney /min", quality, is_larger)


def shift_is_clear(candidate: Floats, baseline: Floats) -> Flags:
    """Where the 98 % interval for the shift lies above 25 % of the estimated shift, [runs]; points [runs, minutes].

    The interval by the normal form of the rank-sum distribution (Hollander and Wolfe 1999, section 4.3). Minutes
    without a value (NaN) are left out.
    """
    result = nobody(len(candidate))
    sizes = np.column_stack([(~np.isnan(arm)).sum(axis=1) for arm in (candidate, baseline)])
    for m, n in np.unique(sizes, axis=0):
        rows = np.flatnonzero((sizes == (m, n)).all(axis=1))
        lower = int(np.floor(m * n / 2 - Z_KAYENTA * np.sqrt(m * n * (m + n + 1) / 12)))
        if lower < 0:
            continue  # too few points for any interval
        shifts = _differences(candidate[rows], baseline[rows])
        middle = int(m * n // 2)
        parts = np.partition(shifts, sorted({lower, middle - 1, middle}), axis=1)
        estimate = parts[:, middle] if m * n % 2 else (parts[:, middle - 1] + parts[:, middle]) / 2
        result[rows] = parts[:, lower] > TOLERANCE * np.abs(estimate)
    return result


def is_larger(candidate: Floats, baseline: Floats) -> Flags:
    """Where the one-sided U test at 5 % says that the candidate's values are larger, [runs]."""
    shifts = _differences(candidate, baseline)
    u = (shifts > 0).sum(axis=1) + 0.5 * (shifts == 0).sum(axis=1)
    m, n = ((~np.isnan(arm)).sum(axis=1).astype(float) for arm in (candidate, baseline))
    total = m + n
    ties = _ties(np.column_stack([candidate, baseline]))
    with np.errstate(divide="ignore", invalid="ignore"):  # no spread gives NaN, which is no failure
        variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
        z = (u - m * n / 2 - 0.5) / np.sqrt(variance)
    return flags(np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0) >= Z_ALPHA)


def _differences(candidate: Floats, baseline: Floats) -> Floats:
    """Every candidate value minus every baseline value, [runs, m n]; NaN last when sorted."""
    return (candidate[:, :, None] - baseline[:, None, :]).reshape(len(candidate), -1)


def _ties(values: Floats) -> Floats:
    """Sum of t^3 - t over groups of equal values, [runs]: t^2 - 1 for each member of a group of t."""
    ordered = np.sort(values, axis=1)
    same = ordered[:, :, None] == ordered[:, None, :]
    counts = same.sum(axis=2).astype(float)
    return floats(np.where(counts > 0, counts**2 - 1, 0.0).sum(axis=1))
