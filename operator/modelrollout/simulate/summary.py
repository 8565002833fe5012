"""What many runs say together: rates with their intervals, medians and 90 % points of times."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from modelrollout.judge.arrays import Floats

Z_99 = 2.5758293035489004
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """So many of so many runs."""

    hits: int
    runs: int

    @property
    def share(self) -> float:
        """The observed share, 0-1."""
        return self.hits / self.runs

    def wilson(self, z: float = Z_95) -> tuple[float, float]:
        """Interval for the true share (Wilson 1927); z = 1.96 for 95 %, 2.576 for 99 %."""
        p, n = self.share, self.runs
        middle = p + z * z / (2 * n)
        spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))

    def is_above(self, bound: float) -> bool:
        """True when the 99 % interval lies above the bound: the excess is no accident."""
        return self.wilson(Z_99)[0] > bound


@dataclass(frozen=True)
class Delay:
    """Minutes until something happened: how often it did, median and 90 % point over all runs.

    A point is infinite when too few runs got there (half of them for the median, nine tenths for the 90 % point) or
    when there was none.
    """

    reached: Rate
    median: float
    ninety: float


def rate(minutes: Floats, within: float = np.inf) -> Rate:
    """How many runs got there (within so many minutes)."""
    return Rate(int((np.isfinite(minutes) & (minutes <= within)).sum()), len(minutes))


def delay(minutes: Floats) -> Delay:
    """How long it took. Runs that never got there count as longer than all others."""
    return Delay(rate(minutes), _point(minutes, 0.5), _point(minutes, 0.9))


def after(minutes: Floats, onset: float) -> Floats:
    """Delays since the onset, of the runs that had not got there before it."""
    return minutes[minutes > onset] - onset


def _point(minutes: Floats, quantile: float) -> float:
    """The smallest time that so large a share of the runs did not exceed."""
    return float(np.sort(minutes)[int(np.ceil(quantile * len(minutes))) - 1]) if len(minutes) else inf
