"""The one array type of this room."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def floats(values: ArrayLike) -> Floats:
    """The values as a float64 array."""
    return np.asarray(values, dtype=np.float64)
