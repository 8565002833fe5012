"""From a V2 request with feedback to checked labels, or one sentence that says what is wrong with it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mlserver.types import Datatype, InferenceRequest, RequestInput

from rolloutmodels.metrics import labels as model_and_version

MAX_BATCH = 512  # labels in one request; a larger one would hold up the models on the same server
MAX_PROFIT = 1e12  # keeps a sum of squares far from what a float can no longer add to
MAX_AGE = 1e9  # seconds, some thirty years
_MODEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})")
_VERSION = re.compile(r"[A-Za-z0-9._-]{0,63}")
_MAX_ID = 128
_REQUIRED = ("model", "predicted", "actual")
_OPTIONAL = ("version", "profit", "prediction_id", "age_seconds")
_CURE = f"send {', '.join(_REQUIRED)} and, as you like, {', '.join(_OPTIONAL)}, each once"


class Refusal(Enum):
    """What was wrong with a request; the values are metric labels."""

    INPUTS = "inputs"
    DATATYPE = "datatype"
    SHAPE = "shape"
    VALUE = "value"
    MODEL = "model"


class BadLabelsError(Exception):
    """Nothing of the request was counted; the message names input, value and cure."""

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Label:
    """What became of one prediction, and how many seconds after it that became known.

    `profit` and `age_seconds` are None when nobody said; `prediction` is its id or empty.
    """

    model: str
    version: str
    is_correct: bool
    profit: float | None = None
    prediction: str = ""
    age_seconds: float | None = None


def read(request: InferenceRequest) -> list[Label]:
    """The request's labels in their order. Raises BadLabelsError."""
    columns = {tensor.name: _column(tensor) for tensor in _known(request.inputs)}
    count = len(columns["model"])
    for name, column in columns.items():
        if len(column) != count:
            raise BadLabelsError(
                Refusal.SHAPE,
                f"Input '{name}' holds {len(column)} values but 'model' holds {count}; send one of each per label.",
            )
    names = zip(columns["model"], columns.get("version", [""] * count), strict=True)
    arms = [model_and_version(model, version) for model, version in names]
    truths = zip(columns["predicted"], columns["actual"], strict=True)
    rest = zip(
        columns.get("profit", [None] * count),
        columns.get("prediction_id", [""] * count),
        columns.get("age_seconds", [None] * count),
        strict=True,
    )
    return [
        Label(model, version, predicted == actual, *more)
        for (model, version), (predicted, actual), more in zip(arms, truths, rest, strict=True)
    ]


def _known(inputs: list[RequestInput]) -> list[RequestInput]:
    names = [tensor.name for tensor in inputs]
    for name in _REQUIRED:
        if name not in names:
            raise BadLabelsError(Refusal.INPUTS, f"Input '{name}' is missing, the request has {names}; {_CURE}.")
    if len(set(names)) < len(names) or set(names) - {*_REQUIRED, *_OPTIONAL}:
        raise BadLabelsError(Refusal.INPUTS, f"The request has the inputs {names}; {_CURE}.")
    return inputs


def _column(tensor: RequestInput) -> list[Any]:
    """The values of one input, checked."""
    wanted = _KINDS[tensor.name]
    datatype = Datatype(tensor.datatype)  # a plain string when it came over HTTP
    if datatype is not wanted.datatype:
        raise BadLabelsError(
            Refusal.DATATYPE,
            f"Input '{tensor.name}' has datatype {datatype.value}; send it as {wanted.datatype.value}.",
        )
    return [_value(wanted, tensor.name, place, item) for place, item in enumerate(_flat(tensor))]


def _flat(tensor: RequestInput) -> list[Any]:
    """One item per label; the shape is [batch] or [batch, 1], and data may be nested like that."""
    shape, data = list(tensor.shape), list(tensor.data.root)
    if shape not in ([len(data)], [len(data), 1]):
        raise BadLabelsError(
            Refusal.SHAPE,
            f"Input '{tensor.name}' has shape {shape} and holds {len(data)} values; send [batch] with so many values.",
        )
    if not 1 <= len(data) <= MAX_BATCH:
        raise BadLabelsError(
            Refusal.SHAPE,
            f"Input '{tensor.name}' has a batch of {len(data)}; send 1 to {MAX_BATCH} labels in one request.",
        )
    return [item[0] if isinstance(item, list) and len(item) == 1 and len(shape) == 2 else item for item in data]


@dataclass(frozen=True)
class _Kind:
    """What an input holds: `read` gives a value, or None for what is none; `cure` says what would be one."""

    datatype: Datatype
    read: Callable[[Any], Any]
    cure: str


def _value(kind: _Kind, name: str, place: int, item: Any) -> Any:
    value = kind.read(item)
    if value is None:
        raise BadLabelsError(Refusal.VALUE, f"Input '{name}' is {item!r:.60} at [{place}]; send {kind.cure}.")
    return value


def _text(item: Any) -> str | None:
    """Text comes as text over HTTP and as bytes over gRPC."""
    if isinstance(item, bytes):
        try:
            return item.decode()
        except UnicodeDecodeError:
            return None
    return item if isinstance(item, str) else None


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    def read(item: Any) -> str | None:
        text = _text(item)
        return text if text is not None and pattern.fullmatch(text) else None

    return read


def _id(item: Any) -> str | None:
    text = _text(item)
    return text if text and len(text) <= _MAX_ID else None


def _whole(item: Any) -> int | None:
    return item if isinstance(item, int) and not isinstance(item, bool) else None


def _number(least: float, most: float) -> Callable[[Any], float | None]:
    def read(item: Any) -> float | None:
        if isinstance(item, bool) or not isinstance(item, int | float):
            return None
        return float(item) if least <= item <= most else None  # NaN compares as false

    return read


_KINDS: Mapping[str, _Kind] = {
    "model": _Kind(Datatype.BYTES, _matching(_MODEL), "the name of the model that answered, at most 253 characters"),
    "version": _Kind(Datatype.BYTES, _matching(_VERSION), "the version that answered, at most 63 characters"),
    "predicted": _Kind(Datatype.INT64, _whole, "the class that was predicted, a whole number"),
    "actual": _Kind(Datatype.INT64, _whole, "the class that came true, a whole number"),
    "profit": _Kind(
        Datatype.FP64, _number(-MAX_PROFIT, MAX_PROFIT), f"a number from -{MAX_PROFIT:g} to {MAX_PROFIT:g}"
    ),
    "prediction_id": _Kind(Datatype.BYTES, _id, f"the prediction's own id, 1 to {_MAX_ID} characters"),
    "age_seconds": _Kind(Datatype.FP64, _number(0, MAX_AGE), f"the seconds from prediction to label, 0 to {MAX_AGE:g}"),
}
