"""Nonsense that clients send in the real world; a server refuses each kind with a code of 400 to 499."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rolloutmodels.contract import FEATURES, INPUT, MAX_BATCH, STEPS

from e2e.traffic import protocol


def bodies() -> dict[str, bytes]:
    """One request of each kind."""
    window = np.full((1, STEPS, FEATURES), 0.25, dtype=np.float32)
    batch = np.repeat(window, MAX_BATCH + 1, axis=0)
    good = protocol.body(window)
    return {
        "wrong shape": protocol.body(window[:, 1:]),
        "wrong dtype": protocol.encode([_input(window, datatype="INT64")]),
        "NaN": good.replace(b"[0.25,", b"[NaN,", 1),
        "broken JSON": good[: len(good) // 2],
        "unknown input": protocol.encode([_input(window, name="prices")]),
        "oversized batch": protocol.body(batch),
    }


def _input(window: NDArray[np.float32], name: str = INPUT, datatype: str = "FP32") -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": list(window.shape), "data": window.ravel()}
