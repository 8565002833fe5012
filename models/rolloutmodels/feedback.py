"""MLServer runtime: takes what became of predictions, by the V2 protocol, and counts it for Prometheus.

It is stateless: the client says which model answered, what it predicted and what came true.
MLServer reloads this module at every load of a model, so it holds no state and no collectors.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError, MLServerError
from mlserver.types import InferenceRequest, InferenceResponse

from rolloutmodels import loading, parameters
from rolloutmodels.labels import BadLabelsError, Label, Refusal, read
from rolloutmodels.outcomes import MAX_ARMS, OUTCOMES
from rolloutmodels.parameters import ParameterError


@dataclass(frozen=True)
class Terms:
    """Whose labels are counted (all models' when empty), and the range to which a profit is clipped."""

    models: frozenset[str] = frozenset()
    profit_min: float = -math.inf
    profit_max: float = math.inf

    def __post_init__(self) -> None:
        if not self.profit_min < self.profit_max:
            raise ParameterError(
                f"Parameter 'profit_min' is {self.profit_min:g} and 'profit_max' is {self.profit_max:g}; "
                "set a smaller and a larger number."
            )


class FeedbackRuntime(MLModel):
    """Counts labels: 1 to 512 in a request, all of them or, when one is wrong, none.

    Answers for each whether it was counted: 1, or 0 when its `prediction_id` was counted before.
    Bad input answers 400 with one sentence, and is counted by reason.
    """

    async def load(self) -> bool:
        """Ready at once. Raises MLServerError with one sentence when a parameter makes no sense."""
        try:
            self._terms = parse(parameters.extra(self.settings))
        except ParameterError as error:
            raise MLServerError(f"Model '{self.name}' cannot load: {error}", loading.REFUSED) from error
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        try:
            labels = self._admit(read(payload))
        except BadLabelsError as error:
            OUTCOMES.refuse(error.reason)
            raise InferenceError(str(error)) from error
        counted = np.array(OUTCOMES.count(labels), dtype=np.int64)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("counted", counted)],
        )

    def _admit(self, labels: list[Label]) -> list[Label]:
        """The labels with their profits clipped. Raises BadLabelsError for a model that has no place here."""
        models = self._terms.models
        stranger = next((label.model for label in labels if models and label.model not in models), None)
        if stranger is not None:
            raise BadLabelsError(
                Refusal.MODEL,
                f"Model '{stranger}' is none of {', '.join(sorted(models))}; correct it, or add it to 'models'.",
            )
        if (model := OUTCOMES.without_room(labels)) is not None:
            raise BadLabelsError(
                Refusal.MODEL,
                f"There is no room to count model '{model}' beside {MAX_ARMS} model versions; "
                "correct its name, or start the server anew to forget old versions.",
            )
        return [self._clipped(label) for label in labels]

    def _clipped(self, label: Label) -> Label:
        if label.profit is None:
            return label
        return replace(label, profit=min(max(label.profit, self._terms.profit_min), self._terms.profit_max))


def parse(extra: Mapping[str, Any]) -> Terms:
    """Terms from a model's parameters. Raises ParameterError."""
    return Terms(**parameters.parse(extra, _KINDS))


_ANY_NUMBER = parameters.number(-sys.float_info.max, sys.float_info.max, "a number")
_KINDS = {"models": parameters.NAMES, "profit_min": _ANY_NUMBER, "profit_max": _ANY_NUMBER}
