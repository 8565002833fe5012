"""The candidate's event rate against the baseline's, for rare events: p_c <= rho p_b (to fail) or >= (to pass)."""

import numpy as np

from modelrollout.judge.arrays import Floats


def log_increments(
    candidate_events: Floats,
    candidate_total: Floats,
    baseline_events: Floats,
    baseline_total: Floats,
    null: Floats,
    grid: Floats,
) -> Floats:
    """dL_j = s_c ln(r_j/rho) - (s_c + s_b) [ln(n_c r_j + n_b) - ln(n_c rho + n_b)], one per alternative ratio r_j.

    The likelihood ratio of "whose event is the next one", given that there is one (Lindon and Malek 2022). Valid for
    every common rate, traffic share and drift of the baseline, because it compares inside one block:
    E[factor] <= exp{(phi_1 - phi_0)[n_c p_c/phi_0 - n_b p_b/(1 - phi_0)]} <= 1 whenever p_c is on the null's side.
    Exactly 0 when an arm had no traffic. Never pool blocks of different shares: that is Simpson's paradox.
    """
    pull = np.maximum(candidate_total * null + baseline_total, np.finfo(np.float64).tiny)
    shift = np.log1p(candidate_total * (grid - null) / pull)
    both = (candidate_total > 0) & (baseline_total > 0)
    gain = candidate_events * np.log(grid / null) - (candidate_events + baseline_events) * shift
    return np.where(both, gain, 0.0)
