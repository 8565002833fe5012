"""MLServer runtime: answers V2 requests with an ONNX network, one thread per request, no torch.

MLServer reloads this module at every load of a model, so it holds no state and no collectors.
"""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rolloutmodels import sessions
from rolloutmodels.contract import FEATURES, INPUT, OUTPUT, STEPS
from rolloutmodels.loading import CURE, Failure, LoadError, Network, in_one_line
from rolloutmodels.serving import DirectionServing

_TAKES = f"{INPUT} tensor(float) [batch, {STEPS}, {FEATURES}]"
_GIVES = f"{OUTPUT} tensor(float) [batch, 1]"


class DirectionRuntime(DirectionServing):
    """A direction model from an ONNX file."""

    file_name = "model.onnx"

    def open(self, file: str) -> Network:
        session = _session(file)
        _check(file, "takes", session.get_inputs(), _TAKES)
        _check(file, "gives", session.get_outputs(), _GIVES)

        def answer(windows: NDArray[np.float32]) -> NDArray[np.float32]:
            return session.run([OUTPUT], {INPUT: windows})[0]

        return answer


def _session(file: str) -> onnxruntime.InferenceSession:
    try:
        return sessions.one_thread(file)
    except Exception as error:  # onnxruntime's errors share no useful base class
        raise LoadError(
            Failure.UNREADABLE, f"'{file}' is no ONNX file that can be read ({in_one_line(error)}); {CURE}."
        ) from error


def _check(file: str, verb: str, tensors: list[onnxruntime.NodeArg], needed: str) -> None:
    found = ", ".join(f"{one.name} {one.type} {_shape(one.shape)}" for one in tensors)
    if found != needed:
        raise LoadError(Failure.ARCHITECTURE, f"'{file}' {verb} {found} where {needed} is needed; {CURE}.")


def _shape(dimensions: list[int | str | None]) -> str:
    """Dimensions in words; a free one has any name in the file, or none."""
    return f"[{', '.join(str(one) if isinstance(one, int) else 'batch' for one in dimensions)}]"
