"""MLServer runtime: answers V2 requests with a torch network, where torch is installed beside MLServer.

It serves what has just been trained, without an export. It costs more time and memory than the ONNX runtime, and
answers the same. MLServer reloads this module at every load of a model, so it holds no state and no collectors.
"""

from rolloutmodels.loading import Failure, LoadError, Network, in_one_line
from rolloutmodels.serving import DirectionServing


class TorchDirectionRuntime(DirectionServing):
    """A direction model from a file with a network's size and its weights."""

    file_name = "model.pt"

    def open(self, file: str) -> Network:
        try:
            from rolloutmodels import weights  # here, so that a server without torch can say what it lacks
        except ImportError as error:
            raise LoadError(
                Failure.LIBRARY,
                f"'{file}' needs torch, which cannot be imported ({in_one_line(error)}); install torch, or serve "
                "model.onnx with rolloutmodels.runtime.DirectionRuntime.",
            ) from error
        return weights.answering(weights.read(file))
