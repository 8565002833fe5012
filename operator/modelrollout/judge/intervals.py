"""Intervals for people: ranges that hold the truth at EVERY look, all together, with probability 1 - alpha.

They may be read at any time and decide nothing. Each comes from running sums since the last gate, so nothing beside
the estimates has to be kept. Ends are arrays of the inputs' common shape ([runs] in the engine).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincc, betaln, lambertw

from modelrollout.judge.arrays import Floats, floats

PLANNED_EVENTS = 30.0  # events at which a ratio's interval is tightest
PLANNED_TOTAL = 1000.0  # values at which a difference's or a mean's interval is tightest
PRIOR = 0.5  # both parameters of the beta bet on one arm's share
HALVINGS = 32
UNSEEN = 3.0  # values at the far end that a difference's noise allows for


class Interval(NamedTuple):
    """Both ends."""

    low: Floats
    high: Floats


def ratio_interval(
    candidate_pull: ArrayLike, baseline_pull: ArrayLike, spread: ArrayLike, alpha: float, dispersion: ArrayLike = 1.0
) -> Interval:
    """Where the ratio of event rates lies; 0 and infinity while nothing is known.

    Running sums over looks, N = n_c + n_b (the first two make the Mantel-Haenszel ratio):
        candidate_pull C = sum s_c n_b/N,  baseline_pull B = sum s_b n_c/N,
        spread P = sum (n_c n_b (s_c + s_b) - s_c s_b N)/N^2     (`ratio_spread` of each look)
    At the true ratio r, C - r B is a martingale, and r P estimates its variance (P is the numerator of Greenland and
    Robins 1985, whose variance of ln r is P/(C B)). The ends solve (C - r B)^2 = r K in r, where K is the normal
    mixture's bound on a martingale of variance P (Waudby-Smith et al. 2024). Unlike an interval around ln r this needs
    no least number of events. dispersion >= 1 is the factor by which events scatter more than independent ones.
    """
    c, b = floats(candidate_pull), floats(baseline_pull)
    p = floats(spread) * np.maximum(floats(dispersion), 1.0)
    bound = _bound(p, PLANNED_EVENTS, alpha)
    middle, reach = 2 * c * b + bound, np.sqrt(bound * (bound + 4 * c * b))
    known = b > 0
    high = np.where(known, (middle + reach) / np.where(known, 2 * b * b, 1.0), np.inf)
    return Interval(floats(2 * c * c / (middle + reach)), floats(high))


def ratio_spread(
    candidate_total: ArrayLike, candidate_events: ArrayLike, baseline_total: ArrayLike, baseline_events: ArrayLike
) -> Floats:
    """One look's part of the sum P of `ratio_interval`: (n_c n_b (s_c + s_b) - s_c s_b N)/N^2; 0 without traffic."""
    n_c, s_c, n_b, s_b = map(floats, (candidate_total, candidate_events, baseline_total, baseline_events))
    both = np.maximum(n_c + n_b, np.finfo(np.float64).tiny)
    return floats((n_c / both) * (n_b / both) * (s_c + s_b) - s_c * (s_b / both))


def difference_interval(
    pull: ArrayLike,
    weight: ArrayLike,
    noise: ArrayLike,
    alpha: float,
    dispersion: ArrayLike = 1.0,
    reach: float = 0.0,
) -> Interval:
    """Where the difference of means or shares, candidate minus baseline, lies; NaN while nothing is known.

    Running sums over looks, N = n_c + n_b: pull = sum (S_c n_b - S_b n_c)/N and weight W = sum n_c n_b/N (their
    quotient is the Mantel-Haenszel difference); noise is the variance of pull, NaN while unknown:
    var_c sum n_c n_b^2/N^2 + var_b sum n_b n_c^2/N^2, at most the larger of the arms' variances times W.
    Asymptotic: pull/W plus or minus `mean_radius` of W values of variance noise/W.

    reach is how far apart two values can lie: 1 for shares, the width of a declared range, 0 when unknown. The noise is
    raised by 3 reach^2, as if three values yet unseen lay that far off: where events are rare, an arm that had few of
    them by chance has too small a mean and too small a variance at once (5-10 % missed at alpha 5 % without it, at
    most 3.2 % with it).
    """
    given = floats(noise)
    total, variance = floats(weight), (given + UNSEEN * reach**2 * (given > 0)) * np.maximum(floats(dispersion), 1.0)
    known = (total > 0) & (variance > 0)
    each = np.where(known, total, 1.0)
    radius = mean_radius(each, np.sqrt(np.where(known, variance, 0.0) / each), alpha)
    middle = np.where(known, floats(pull) / each, np.nan)
    return Interval(floats(middle - radius), floats(middle + radius))


def mean_radius(total: ArrayLike, deviation: ArrayLike, alpha: float, planned: float = PLANNED_TOTAL) -> Floats:
    """Half the width of the interval around the mean of `total` values of this standard deviation.

        deviation sqrt(2 (n rho^2 + 1)/(n^2 rho^2) ln(sqrt(n rho^2 + 1)/alpha)), rho^2 = (-W_-1(-alpha^2/e) - 1)/planned

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, tightest at `planned`
    values. Infinite at total 0.
    """
    n = floats(total)
    return floats(deviation) * np.where(n > 0, np.sqrt(_bound(n, planned, alpha)) / np.where(n > 0, n, 1.0), np.inf)


def share_interval(events: ArrayLike, total: ArrayLike, alpha: float, dispersion: ArrayLike = 1.0) -> Interval:
    """Where one arm's share of events lies; 0 and 1 while nothing is known. Exact, each end at alpha/2.

    The ends are the shares that the test against them no longer rejects (see `_log_e`). For a share that moves, the
    ends say: it was not below low, nor above high, all the time.
    """
    s, n = np.broadcast_arrays(floats(events), floats(total))
    least = _each_end(alpha) * np.maximum(floats(dispersion), 1.0)
    events_least, others_least = _least_shares(np.stack([s, n - s]), n, least)
    return Interval(events_least, floats(1 - others_least))


def quantile_interval(
    edges: ArrayLike, cumulative: ArrayLike, total: ArrayLike, quantile: float, alpha: float
) -> Interval:
    """Between which bucket edges one arm's quantile lies, in the edges' unit; 0 or infinity where no edge bounds it.

    cumulative[..., i] values were at most edges[i], of total [...]. The quantile is above an edge when "at most
    1 - quantile are beyond it" is rejected, and at most an edge when "at most quantile are within it" is, each at
    alpha/2. Counts fall with the edge, so more edges cost nothing. Raises ValueError for a quantile outside 0-1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}: it must lie between 0 and 1, such as 0.95")
    edge, within, n = floats(edges), floats(cumulative), floats(total)[..., None]
    least = _each_end(alpha)
    above = _log_e(n - within, n, floats(1 - quantile)) >= least
    below = _log_e(within, n, floats(quantile)) >= least
    low = np.where(above, edge, 0.0).max(axis=-1)
    return Interval(floats(low), floats(np.where(below, edge, np.inf).min(axis=-1)))


def _least_shares(events: Floats, total: Floats, least: Floats) -> Floats:
    """The largest share p at which ln E against "at most p" is `least`, 0 if none: halved in on from 0 to s/n."""
    high = np.divide(events, total, out=np.zeros_like(events), where=total > 0)
    low = np.zeros_like(high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        rejected = _log_e(events, total, middle) >= least
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return low


def _log_e(events: Floats, total: Floats, null: Floats) -> Floats:
    """ln E against "every value is an event with probability at most null", by a bet on all larger probabilities.

        ln B(a + s, a + n - s) + ln(1 - I_p(a + s, a + n - s)) - ln B(a, a) - ln(1 - I_p(a, a)) - s ln p - (n-s) ln(1-p)

    The beta-binomial mixture of Howard, Ramdas, McAuliffe and Sekhon 2021 in closed form. -inf unless s/n is above p:
    there is no evidence then, and the tail is too small for a float.
    """
    above = (events > total * null) & (null > 0)
    p = np.where(above, null, 0.5)
    s, rest = np.where(above, events, 1.0), np.where(above, total - events, 1.0)
    won = betaln(PRIOR + s, PRIOR + rest) + np.log(betaincc(PRIOR + s, PRIOR + rest, p))
    stake = betaln(PRIOR, PRIOR) + np.log(betaincc(PRIOR, PRIOR, p))
    return floats(np.where(above, won - stake - s * np.log(p) - rest * np.log1p(-p), -np.inf))


def _bound(variance: Floats, planned: float, alpha: float) -> Floats:
    """The square of what a martingale of this variance ever exceeds with probability alpha.

    (v + a)(ln((v + a)/a) + 2 ln(1/alpha)), two-sided normal mixture; a makes it tightest at v = planned.
    """
    _each_end(alpha)
    a = planned / (-float(lambertw(-(alpha**2) / np.e, -1).real) - 1)
    return floats((variance + a) * (np.log1p(variance / a) - 2 * np.log(alpha)))


def _each_end(alpha: float) -> float:
    """ln(2/alpha): what ln E reaches at an end that has half of alpha. Raises ValueError for an alpha outside 0-1."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}: it must lie between 0 and 1, such as 0.05")
    return float(np.log(2 / alpha))
