"""Does the traffic split as it was told to? The sample-ratio test. It pauses a rollout and never rolls one back."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.refusals import CountsRefused

CONCENTRATION = 1000.0


def log_e(counts: ArrayLike, shares: ArrayLike, concentration: float = CONCENTRATION) -> Floats:
    """ln E against "each request goes to arm i with probability shares[i]"; arms on the last axis, [...] comes back.

        ln E = lnG(k) - lnG(k + N) + sum_i [lnG(k t_i + n_i) - lnG(k t_i) - n_i ln t_i]

    Lindon and Malek 2022: a Dirichlet bet of concentration k around the shares. Counts are those of one stretch of
    constant weights; add the values of finished stretches. Alarm at ln 1000 (alpha 0.1 %).
    Raises CountsRefused unless shares are above 0 and sum to 1 and counts are finite and not negative.
    """
    n, share = floats(counts), floats(shares)
    if not (np.all(share > 0) and np.allclose(share.sum(axis=-1), 1.0)):
        raise CountsRefused(f"shares {share.tolist()} must be above 0 and sum to 1: leave out arms of weight 0")
    if not (np.all(np.isfinite(n)) and np.all(n >= 0)):
        raise CountsRefused(f"counts {n.tolist()} must be finite and not negative")
    k = concentration
    arms = gammaln(k * share + n) - gammaln(k * share) - n * np.log(share)
    return floats(gammaln(k) - gammaln(k + n.sum(axis=-1)) + arms.sum(axis=-1))
