"""The V2 protocol as clients speak it: bodies to send, and what answers mean."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from rolloutmodels.contract import INPUT

OK, REFUSED, NOT_FOUND = 200, 400, 404
EXPERIMENT_HEADER = "Seldon-Model"
ROUTE_HEADER = "x-seldon-route"
_MODEL_HEADER = "ce-modelid"  # from MLServer itself, when no mesh is in front of it


def body(windows: NDArray[np.float32]) -> bytes:
    """A request about windows of shape [count, 10, 35]."""
    data = np.ascontiguousarray(windows).ravel()
    return encode([{"name": INPUT, "datatype": "FP32", "shape": list(windows.shape), "data": data}])


def encode(inputs: list[dict[str, Any]]) -> bytes:
    """A request with these inputs; `data` may be an array."""
    return orjson.dumps({"inputs": inputs}, option=orjson.OPT_SERIALIZE_NUMPY)


def experiment_headers(name: str) -> dict[str, str]:
    """What sends a request to an Experiment, whatever model its path names."""
    return {EXPERIMENT_HEADER: f"{name}.experiment"}


def predictions(answer: bytes, windows: int) -> list[int]:
    """The class that the model finds likelier, for each window. Raises ValueError for any other answer."""
    try:
        probabilities = orjson.loads(answer)["outputs"][0]["data"]
        found = [int(probability > 0.5) for probability in probabilities]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{answer[:60]!r} is no answer of a model; ask one that predicts.") from error
    if len(found) != windows:
        raise ValueError(f"{len(found)} predictions came for {windows} windows; ask a model that answers each.")
    return found


def route(headers: Any) -> str:
    """Who answered, such as `enhanced_3`; empty when nobody says."""
    return str(headers.get(ROUTE_HEADER, "")).strip(":") or str(headers.get(_MODEL_HEADER, ""))


def arm_and_version(route: str) -> tuple[str, str]:
    """`enhanced` and `3` of `enhanced_3`; a model that no mesh has numbered has no version."""
    split = re.fullmatch(r"(.+)_(\d+)", route)
    return (split[1], split[2]) if split else (route, "")
