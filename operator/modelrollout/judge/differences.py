"""The candidate's event share against the baseline's, for common events: p_c - p_b <= delta0 (to fail) or >= (to pass).

Events are what is unwanted: for accuracy, the wrong answers. 2 percentage points are 0.02.
"""

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.priors import SPREAD
from modelrollout.judge.refusals import RuleRefused

NEAREST = 0.25  # of the way from null to design
ROOM = 0.9  # a bet moves the candidate's share at most this part of the way to 0 or 1
RAREST = 1e-4  # a share nearer to 0 or 1 is taken as this near: beyond it one surprise would cost everything
EDGE = 1e-12  # of a bracket: its ends themselves may be shares of 0 or 1
TINY = 1e-60  # in place of a 0 that would be divided by


def grid(null: float, design: float, factor: float = 20.0) -> Floats:
    """The 16 differences to bet on: the design one first, then 15 log-spaced from the null.

    They begin a quarter of the way from null to design and end `factor` times as far as the design, on its side of the
    null. Weights are `priors.WEIGHTS`. Raises RuleRefused when null and design are one.
    """
    offset = design - null
    if not (np.isfinite(offset) and offset != 0 and factor > NEAREST):
        raise RuleRefused(
            f"design {design:g} with null {null:g} and factor {factor:g}: a bet needs a design other than the null, "
            f"and a factor above {NEAREST:g}"
        )
    return np.concatenate([[design], null + offset * np.geomspace(NEAREST, factor, SPREAD)])


def log_increments(
    candidate_events: Floats,
    candidate_total: Floats,
    baseline_events: Floats,
    baseline_total: Floats,
    baseline_rate: Floats,
    null: Floats,
    grid: Floats,
) -> Floats:
    """ln of the likelihood ratio of theta* to its projection theta on the null, one per difference d_j, last axis.

        theta* = (p + d_j, p), p = baseline_rate
        theta = argmin over b of n_c kl(theta*_c, b + delta0) + n_b kl(theta*_b, b)
        dL_j = s_c ln(theta*_c/theta_c) + (n_c - s_c) ln((1 - theta*_c)/(1 - theta_c)) + the same two terms for b

    Counts and baseline_rate are [runs, tests, 1], null is [tests, 1], grid [tests, alternatives]: differences, not
    offsets from the null. Events may be fractional (values in 0-1, summed): the factor is convex in each value.
    baseline_rate must come from EARLIER looks alone, NaN while unknown. The block e-variable of Turner, Ly and
    Gruenwald 2024 (Turner and Gruenwald 2023 for delta0 other than 0). Valid because E[factor] <= exp(sum n_i u_i),
    u_i = (p_i - theta_i)(theta*_i - theta_i)/(theta_i(1 - theta_i)), and that sum is <= 0 at a projection on a convex
    null. Exactly 0 when an arm had no traffic, when baseline_rate is unknown, and when no share as far as d_j exists.
    """
    base = _within(baseline_rate, RAREST - np.minimum(null, 0.0), 1 - RAREST - np.maximum(null, 0.0))  # so is base+null
    bold = base + _within(grid, -ROOM * base, ROOM * (1 - base))  # theta*_c
    beyond = (bold - base - null) * np.sign(grid - null) > 0  # theta* on the null is its own projection: no bet
    usable = beyond & (candidate_total > 0) & (baseline_total > 0)
    share = candidate_total / np.maximum(candidate_total + baseline_total, TINY)
    with np.errstate(invalid="ignore", divide="ignore"):  # where there is no bet there may be no projection
        plain = _projection(share, bold, base, null)
        gain = _gain(candidate_events, candidate_total, bold, plain + null)
        gain += _gain(baseline_events, baseline_total, base, plain)
    return np.where(usable, gain, 0.0)


def _gain(events: Floats, total: Floats, bold: Floats, plain: Floats) -> Floats:
    return floats(events * np.log(bold / plain) + (total - events) * (np.log1p(-bold) - np.log1p(-plain)))


def _projection(share: Floats, bold: Floats, base: Floats, null: Floats) -> Floats:
    """The baseline's share b in the null's point nearest to (bold, base); the candidate's is b + null.

    share is the candidate's part of the block's requests. For null 0 b is their mean. Otherwise two Newton steps on
    the divergence's derivative, which rises in b, polish what the cubic's root leaves (to 1e-14).
    """
    if not np.any(null):
        return share * bold + (1 - share) * base
    ends = (base, bold - null)  # the derivative changes its sign between these
    least, most = np.maximum(-null, 0.0), np.minimum(1 - null, 1.0)
    low, high = np.maximum(np.minimum(*ends), least), np.minimum(np.maximum(*ends), most)
    low, high = low + EDGE * (high - low), high - EDGE * (high - low)
    b = _within(_root(share, bold, base, null), low, high)
    for _ in range(2):
        b = _within(b - _newton(share, bold, base, null, b), low, high)
    return b


def _newton(share: Floats, bold: Floats, base: Floats, null: Floats, b: Floats) -> Floats:
    """First over second derivative of the divergence at b, both times the variances c(1 - c) b(1 - b)."""
    c = b + null
    spread_c, spread_b = c * (1 - c), b * (1 - b)
    off_c, off_b = c - bold, b - base
    slope = share * off_c * spread_b + (1 - share) * off_b * spread_c
    bend = share * spread_b * (1 - off_c * (1 - 2 * c) / spread_c)
    return slope / (bend + (1 - share) * spread_c * (1 - off_b * (1 - 2 * b) / spread_b))


def _root(share: Floats, bold: Floats, base: Floats, null: Floats) -> Floats:
    """The middle root of x^3 + 3 third x^2 + first x + last: where the derivative is 0.

    The restricted maximum likelihood of a difference of shares (Miettinen and Nurminen 1985), per request.
    """
    mean, rest = share * bold + (1 - share) * base, 1 - share
    third = ((2 - share) * null - 1 - mean) / 3
    first = (rest * null - 1 - 2 * rest * base) * null + mean
    last = rest * base * null * (1 - null)
    q = third * third * third - third * first / 2 + last / 2
    radius = np.copysign(np.sqrt(np.maximum(third * third - first / 3, TINY)), q)
    angle = np.arccos(_within(q / (radius * radius * radius), -1.0, 1.0))
    return floats(2 * radius * np.cos((np.pi + angle) / 3) - third)


def _within(value: Floats, low: Floats | float, high: Floats | float) -> Floats:
    return floats(np.minimum(np.maximum(value, low), high))  # np.clip takes four times as long for 16 numbers
