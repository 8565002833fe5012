"""What following a prediction earns."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BASIS_POINTS = 10_000  # of the traded sum


def profits(predicted: ArrayLike, returns: ArrayLike, cost: float = 0.0) -> NDArray[np.float64]:
    """Profit of each prediction in basis points, of the same shape: the return when 1 (it rises) was predicted, its
    opposite when 0 was, less the `cost` of the trade in basis points."""
    side = np.where(np.asarray(predicted) == 1, 1.0, -1.0)
    return side * np.asarray(returns, dtype=np.float64) * BASIS_POINTS - cost
