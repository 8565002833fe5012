"""The smallest model that can be slow, fail, or refuse to load, as its settings say."""

import asyncio

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse


class Echo(MLModel):
    """Answers with its own name."""

    async def load(self) -> bool:
        self._extra = (self.settings.parameters.extra if self.settings.parameters else None) or {}
        if self._extra.get("refuse_to_load"):
            raise MLServerError(str(self._extra["refuse_to_load"]))
        self._count = 0
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:  # noqa: ARG002 - it never looks
        await asyncio.sleep(float(self._extra.get("delay_ms", 0)) / 1000)
        self._count += 1
        # 37 spreads the failures: in a row they would use up the proxy's retries.
        if self._count * 37 % 100 < float(self._extra.get("fail_percent", 0)):
            raise RuntimeError("told to fail")  # any exception MLServer does not know is 500
        output = StringCodec.encode_output("name", [self.name])
        return InferenceResponse(model_name=self.name, outputs=[output])
