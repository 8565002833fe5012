"""What all direction runtimes share: checked input, set faults, metrics and errors of one sentence each.

MLServer reloads a runtime's own module at every load of a model, and this one never: the class stays the same, so
models that are loaded later do not part from those that serve already.
"""

import asyncio
import time

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError, InvalidModelURI, MLServerError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri
from numpy.typing import NDArray

from rolloutmodels import faults, inputs, loading, metrics, parameters
from rolloutmodels.contract import OUTPUT
from rolloutmodels.loading import Failure, LoadError, Network


class DirectionServing(MLModel):
    """Probability that the next return is positive, for 1 to 32 windows of 10 steps with 35 features.

    Bad input answers 400. A failure set by `error_rate`, and an answer that is no probability, are 500.
    A runtime says which file it serves and how to open it.
    """

    file_name: str  # looked for when `parameters.uri` is a folder

    def open(self, file: str) -> Network:
        """A network from the file. Raises LoadError. Runs in a thread of its own."""
        raise NotImplementedError

    async def load(self) -> bool:
        """Ready once the network has answered a few warm-up requests. Raises MLServerError with one sentence."""
        self._meter = metrics.meter(self.name, self.version)
        try:
            self._faults = self._parse_faults()
            # In a thread: reading and warming up a network must not stall the models that are already serving.
            self._network = await asyncio.to_thread(self._open_warm, await self._file())
        except LoadError as error:
            self._meter.unloadable[error.reason].inc()
            raise MLServerError(f"Model '{self.name}' cannot load: {error}", loading.REFUSED) from error
        self._fails = self._faults.draws()
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
        # On the event loop: 0.1 to 5 ms of work are less than a hand-over to a thread is worth.
        probabilities = self._network(windows)
        if (stray := loading.no_probability(probabilities)) is not None:
            self._meter.bad_outputs.inc()
            raise MLServerError(
                f"Model '{self.name}' computed {stray}; go back to a version that works, or train it again.",
                status_code=500,
            )
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(OUTPUT, probabilities)],
        )

    def _parse_faults(self) -> faults.Faults:
        try:
            return faults.parse(parameters.extra(self.settings))
        except parameters.ParameterError as error:
            raise LoadError(Failure.PARAMETERS, str(error)) from error

    async def _file(self) -> str:
        try:
            return await get_model_uri(self.settings, wellknown_filenames=[self.file_name])
        except InvalidModelURI as error:
            raise LoadError(
                Failure.MISSING,
                f"there is no file '{self.settings.parameters.uri}' beside model-settings.json; put it there, "
                "or correct 'parameters.uri'.",
            ) from error

    def _open_warm(self, file: str) -> Network:
        network = self.open(file)
        loading.warm_up(network, file)
        return network
