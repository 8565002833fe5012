"""The share of events of one arm against a constant: p <= p0 (to fail) or p >= p0 (to pass)."""

import numpy as np

from modelrollout.judge.arrays import Floats, floats


def log_increments(events: Floats, total: Floats, null: Floats, grid: Floats) -> Floats:
    """dL_j = s ln(q_j/p0) + (n - s) ln((1 - q_j)/(1 - p0)), one per alternative q_j on the last axis.

    events and total broadcast against null and grid (all in 0-1, exclusive). Valid when every request errs with
    conditional probability on the null's side of p0: one request's factor has mean
    1 + (p - p0)(q - p0)/(p0(1 - p0)) <= 1. It is the one-sided beta-binomial mixture of Howard et al. 2021 on a grid.
    """
    return floats(events * np.log(grid / null) + (total - events) * (np.log1p(-grid) - np.log1p(-null)))
