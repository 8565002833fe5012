"""Several candidates against one baseline: which of them are safe, and which one to promote.

E-values of different candidates depend on each other through the common baseline. Both answers hold all the same.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelrollout.judge.arrays import Columns, Floats, floats

NOBODY = -1


def e_bh(log_e: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Which candidates are accepted, [..., candidates] as log_e: ln E of each candidate's PASS.

    The k best, k being the largest with E_(k) >= K/(k alpha), K candidates in all. The expected share of bad ones among
    those accepted is at most alpha under any dependence (e-BH of Wang and Ramdas 2022).
    Raises ValueError without candidates, for a NaN, and for alpha outside 0-1.
    """
    values = _checked(log_e, alpha)
    candidates = values.shape[-1]
    falling = -np.sort(-values, axis=-1)
    needed = np.log(candidates / alpha) - np.log(np.arange(1, candidates + 1))
    enough = np.where(falling >= needed, falling, np.inf)
    return np.asarray(values >= enough.min(axis=-1, keepdims=True), dtype=np.bool_)


def winner(log_e: ArrayLike, alpha: float) -> Columns:
    """The candidate to promote, [...], -1 for none: the one of largest ln E, if E >= K/alpha.

    Each of the K candidates is held to alpha/K, so a bad one is ever promoted with probability at most alpha.
    Of equals the first wins. Raises ValueError as `e_bh`.
    """
    values = _checked(log_e, alpha)
    needed = np.log(values.shape[-1] / alpha)
    return np.where(values.max(axis=-1) >= needed, values.argmax(axis=-1), NOBODY).astype(np.intp)


def _checked(log_e: ArrayLike, alpha: float) -> Floats:
    values = floats(log_e)
    if values.ndim < 1 or values.shape[-1] < 1 or np.isnan(values).any():
        raise ValueError(f"ln E {values.tolist()} must be a number for each of at least one candidate")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}: it must lie between 0 and 1, such as 0.05")
    return values
