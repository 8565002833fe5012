"""The array types of this room."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Columns = NDArray[np.intp]  # which column, [runs]


def floats(values: ArrayLike) -> Floats:
    """The values as a float64 array."""
    return np.asarray(values, dtype=np.float64)
