"""What following a prediction earns."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BASIS_POINTS = 10_000  # of the traded sum


def profits(predicted: ArrayLike, returns: ArrayLike, cost: float = 0.0) -> NDArray[np.float64]:
    """Profit of each prediction in basis points, of the same shape: the return when 1 (it rises) was predicted, its
    opposite when 0 was, less the `cost` of the trade in basis points.

    Raises ValueError when a prediction is neither 0 nor 1 (a probability, for one) or there is not a return for each.
    """
    sides, moves = np.asarray(predicted), np.asarray(returns, dtype=np.float64)
    if sides.shape != moves.shape:
        raise ValueError(
            f"predicted has shape {sides.shape} and returns {moves.shape}; give one return per prediction."
        )
    odd = sides[(sides != 0) & (sides != 1)]
    if odd.size:
        raise ValueError(f"predicted holds {odd[0]}; give 1 for a rise and 0 for a fall.")
    return np.where(sides == 1, moves, -moves) * BASIS_POINTS - cost
