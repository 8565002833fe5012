"""MLServer runtime: answers V2 requests with an ONNX network, one thread per request, no torch.

MLServer reloads this module at every load of a model, so it holds no state and no collectors.
"""

import asyncio
import time

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError, MLServerError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri
from numpy.typing import NDArray

from rolloutmodels import faults, inputs, metrics
from rolloutmodels.contract import FEATURES, INPUT, MAX_BATCH, OUTPUT, STEPS

_WARM_UP_BATCHES = (1, 1, 1, MAX_BATCH, 1)


class DirectionRuntime(MLModel):
    """Probability that the next return is positive, for 1 to 32 windows of 10 steps with 35 features.

    Bad input answers 400, a failure set by `error_rate` answers 500, each with one sentence.
    """

    async def load(self) -> bool:
        """Ready once the network has answered a few warm-up requests. Raises MLServerError with one sentence."""
        self._faults = self._parse_faults()
        self._fails = self._faults.draws()
        # In a thread: reading and warming up a network must not stall the models that are already serving.
        self._session = await asyncio.to_thread(_open, await get_model_uri(self.settings))
        self._meter = metrics.meter(self.name, self.version)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        started = time.perf_counter()
        # Sleeping leaves the event loop to the other models, so a slow model slows nobody else.
        await asyncio.sleep(self._faults.delay_seconds)
        windows = self._windows(payload)
        try:
            return self._answer(windows)
        finally:
            self._meter.seconds.observe(time.perf_counter() - started)

    def _windows(self, payload: InferenceRequest) -> NDArray[np.float32]:
        try:
            return inputs.windows(payload)
        except inputs.BadInputError as error:
            self._meter.refused[error.reason].inc()
            raise InferenceError(str(error)) from error

    def _answer(self, windows: NDArray[np.float32]) -> InferenceResponse:
        if self._fails():
            raise MLServerError(
                f"Model '{self.name}' is set to fail a share of {self._faults.error_rate:g} of its requests; "
                "unset 'error_rate' to cure it.",
                status_code=500,
            )
        # On the event loop: 0.1 to 4 ms of work are less than a hand-over to a thread is worth.
        (probability,) = self._session.run([OUTPUT], {INPUT: windows})
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(OUTPUT, probability)],
        )

    def _parse_faults(self) -> faults.Faults:
        parameters = self.settings.parameters
        try:
            return faults.parse(parameters.extra if parameters else None)
        except faults.FaultError as error:
            raise MLServerError(f"Model '{self.name}' cannot load: {error}") from error


def _open(file: str) -> onnxruntime.InferenceSession:
    """A warm session on one thread; more threads would fight over cores with the other models."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for batch in _WARM_UP_BATCHES:
            session.run([OUTPUT], {INPUT: np.zeros((batch, STEPS, FEATURES), np.float32)})
    except Exception as error:  # onnxruntime's errors share no useful base class
        raise MLServerError(f"'{file}' is no direction model: {error} Train one with `make models`.") from error
    return session
