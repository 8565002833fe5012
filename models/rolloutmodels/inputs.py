"""From a V2 inference request to a checked array, or one sentence that says what is wrong with it."""

import math
from enum import Enum

import numpy as np
from mlserver.types import Datatype, InferenceRequest, RequestInput
from numpy.typing import NDArray

from rolloutmodels.contract import FEATURES, INPUT, MAX_BATCH, STEPS

_CURE = f"send one FP32 tensor '{INPUT}' of shape [batch, {STEPS}, {FEATURES}] with batch 1 to {MAX_BATCH}"


class Refusal(Enum):
    """What was wrong with a request; the values are metric labels."""

    INPUTS = "inputs"
    DATATYPE = "datatype"
    SHAPE = "shape"
    VALUE = "value"


class BadInputError(Exception):
    """The request cannot be answered; the message names input, value and cure."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def windows(request: InferenceRequest) -> NDArray[np.float32]:
    """The request's windows, shape [batch, 10, 35], all finite. Raises BadInputError."""
    tensor = _only_input(request)
    datatype = Datatype(tensor.datatype)  # a plain string when it came over HTTP
    if datatype is not Datatype.FP32:
        raise BadInputError(Refusal.DATATYPE, f"Input '{INPUT}' has datatype {datatype.value}; send it as FP32.")
    _check_shape(tensor.shape)
    values = _numbers(tensor)
    _check_fit(values.shape, tensor.shape)
    return _finite(values.reshape(tensor.shape))


def _only_input(request: InferenceRequest) -> RequestInput:
    names = [tensor.name for tensor in request.inputs]
    if names == [INPUT]:
        return request.inputs[0]
    if INPUT not in names:
        raise BadInputError(Refusal.INPUTS, f"Input '{INPUT}' is missing, the request has {names}; {_CURE}.")
    raise BadInputError(Refusal.INPUTS, f"The request has the inputs {names}; {_CURE} and nothing else.")


def _check_shape(shape: list[int]) -> None:
    if len(shape) != 3 or shape[1:] != [STEPS, FEATURES]:
        raise BadInputError(Refusal.SHAPE, f"Input '{INPUT}' has shape {shape}; send [batch, {STEPS}, {FEATURES}].")
    if not 1 <= shape[0] <= MAX_BATCH:
        raise BadInputError(
            Refusal.SHAPE,
            f"Input '{INPUT}' has a batch of {shape[0]}; send 1 to {MAX_BATCH} windows in one request.",
        )


def _check_fit(sent: tuple[int, ...], shape: list[int]) -> None:
    """Data comes flat or nested as its shape; another nesting of the same size may be a transposed window."""
    held, needed = math.prod(sent), math.prod(shape)
    if held != needed:
        raise BadInputError(
            Refusal.SHAPE,
            f"Input '{INPUT}' holds {held} values but its shape {shape} needs {needed}; make data and shape agree.",
        )
    if len(sent) != 1 and list(sent) != shape:
        raise BadInputError(
            Refusal.SHAPE,
            f"Input '{INPUT}' is nested as {list(sent)} but its shape is {shape}; send flat data or nest it so.",
        )


def _numbers(tensor: RequestInput) -> NDArray[np.generic]:
    """The data as an array of numbers; numpy would turn the text "1.5" and null into floats on its own."""
    try:
        values = np.asarray(tensor.data.root)
    except ValueError as error:
        raise BadInputError(
            Refusal.SHAPE,
            f"Input '{INPUT}' has rows of unequal length; send flat data or nest it as its shape {tensor.shape} says.",
        ) from error
    if values.dtype.kind not in "fiu":
        raise BadInputError(
            Refusal.VALUE,
            f"Input '{INPUT}' holds {_stranger(tensor)}, which is not a number; send finite numbers only.",
        )
    return values


def _stranger(tensor: RequestInput) -> str:
    """The first value that is not a number, shortened."""
    flat = np.asarray(tensor.data.root, dtype=object).ravel().tolist()
    odd = next((value for value in flat if isinstance(value, bool) or not isinstance(value, int | float)), flat[:1])
    return repr(odd)[:40]


def _finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    finite = np.isfinite(narrow)
    if not finite.all():
        place = tuple(int(index) for index in np.argwhere(~finite)[0])
        raise BadInputError(
            Refusal.VALUE,
            f"Input '{INPUT}' is {values[place]} at {list(place)}, which is no finite FP32 number; "
            "fill or drop such values before sending.",
        )
    return narrow
