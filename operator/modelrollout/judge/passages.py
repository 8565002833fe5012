"""When a random walk first reaches a bound: the inverse Gaussian law, as deviations of the path that meets it then.

A walk with drift m and variance s^2 per look is at a bound b for the first time by look t with probability
    P = Phi((m t - b)/(s sqrt t)) + exp(2 m b/s^2) Phi(-(m t + b)/(s sqrt t))     (Schroedinger 1915; Wald 1947)
The time t at which P is one half (or nine tenths) is the time at which the path m t + z s sqrt t meets the bound, and
z depends on the clearness m b/s^2 alone. Paths of many bets can be summed, their times cannot.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from modelrollout.judge.arrays import Floats, floats

MEDIAN, MOST = 0.5, 0.9
BETWEEN_LOOKS = 0.5826  # deviations of one look by which a bound is as if farther when a walk is seen at looks alone
CLEARNESS: Floats = np.geomspace(0.01, 100, 41)


def deviations(clearness: Floats, chance: float) -> Floats:
    """z of the path that meets the bound when `chance` (MEDIAN or MOST) of all walks have.

    A walk against its bound (clearness below 0) gets the z of one without drift: its path soon falls back.
    """
    return floats(np.interp(clearness, *_TABLES[chance]))


def _table(chance: float) -> tuple[Floats, Floats]:
    """(clearness, z), by bisection: a lower path meets the bound later, when more walks have."""
    early, late = np.full_like(CLEARNESS, 3.0), np.full_like(CLEARNESS, -3.0)
    for _ in range(50):
        middle = (early + late) / 2
        has_crossed = _crossed(middle) >= chance
        early, late = np.where(has_crossed, early, middle), np.where(has_crossed, middle, late)
    without_drift = -ndtri(chance / 2)  # P = 2 Phi(-b/(s sqrt t))
    return np.concatenate([[0.0], CLEARNESS]), np.concatenate([[without_drift], early])


def _crossed(z: Floats) -> Floats:
    """P at the time at which the path of this z meets the bound, for m = b = 1."""
    s = 1 / np.sqrt(CLEARNESS)
    root = (np.sqrt((z * s) ** 2 + 4) - z * s) / 2  # sqrt t, from t + z s sqrt t = 1
    return floats(ndtr((root - 1 / root) / s) + np.exp(2 * CLEARNESS) * ndtr(-(root + 1 / root) / s))


_TABLES = {chance: _table(chance) for chance in (MEDIAN, MOST)}
