"""An ONNX file as a session on one thread, and as a function from windows to probabilities. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rolloutmodels.contract import INPUT, OUTPUT

if TYPE_CHECKING:  # a server has no use for the market
    from rolloutmodels.stress import Answer

_WINDOWS_AT_ONCE = 2_048  # all at once would need gigabytes in a deep network


def one_thread(file: str | Path) -> onnxruntime.InferenceSession:
    """A session on one thread; more threads would fight over cores with the other models of a server."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def answering(file: Path) -> Answer:
    """Takes windows [n, 10, 35] and gives probabilities [n, 1]; on one thread, as the server does it."""
    session = one_thread(file)

    def answer(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(windows), _WINDOWS_AT_ONCE)
        parts = (windows[start : start + _WINDOWS_AT_ONCE] for start in starts)
        return np.concatenate([session.run([OUTPUT], {INPUT: part})[0] for part in parts])

    return answer
