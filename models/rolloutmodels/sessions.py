"""An ONNX file as a function from windows to probabilities. Needs no torch."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rolloutmodels.contract import INPUT, OUTPUT
from rolloutmodels.stress import Answer

_WINDOWS_AT_ONCE = 2_048  # all at once would need gigabytes in a deep network


def answering(file: Path) -> Answer:
    """Takes windows [n, 10, 35] and gives probabilities [n, 1]; on one thread, as the server does it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def answer(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        starts = range(0, len(windows), _WINDOWS_AT_ONCE)
        parts = (windows[start : start + _WINDOWS_AT_ONCE] for start in starts)
        return np.concatenate([session.run([OUTPUT], {INPUT: part})[0] for part in parts])

    return answer
