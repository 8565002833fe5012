"""The yardstick: how long a test would take that may look only once, at a time planned for this very harm."""

from math import sqrt

Z_ALPHA = 1.6448536269514722  # one-sided 5 %
Z_POWER = 0.8416212335729143  # power 80 %


def t80_minutes(per_second: float, share: float, baseline: float, candidate: float) -> float:
    """Minutes until a one-sided two-proportion z test at 5 % has found this difference with power 80 %.

    Rates are events per request (0-1); share is the candidate's part of the traffic. The usual sample-size formula
    with pooled variance under the null (Fleiss 1981, chapter 3), for unequal arms.
    """
    pooled = share * candidate + (1 - share) * baseline
    null = Z_ALPHA * sqrt(pooled * (1 - pooled) / (share * (1 - share)))
    alternative = Z_POWER * sqrt(candidate * (1 - candidate) / share + baseline * (1 - baseline) / (1 - share))
    return (null + alternative) ** 2 / (per_second * (candidate - baseline) ** 2) / 60


def t80_minutes_of_means(per_second: float, share: float, difference_in_deviations: float) -> float:
    """The same for means that differ by so many standard deviations."""
    spread = (Z_ALPHA + Z_POWER) ** 2 / (share * (1 - share))
    return spread / (per_second * difference_in_deviations**2) / 60
