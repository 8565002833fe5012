"""From a file with a network's size and weights to a network that answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rolloutmodels.loading import CURE, Failure, LoadError, Network, in_one_line
from rolloutmodels.networks import Direction, Size

MAX_HIDDEN, MAX_LAYERS = 4096, 32  # a broken size must not take all memory before its weights are looked at


def read(file: str) -> Direction:
    """The network of that size with these weights, ready to answer.

    The file holds `{"size": {"hidden": .., "layers": .., "attention": ..}, "weights": state_dict}`. Code in it is
    never run. Raises LoadError.
    """
    size, weights = _parts(file, _content(file))
    network = Direction(size)
    if (difference := _difference(network.state_dict(), weights)) is not None:
        raise LoadError(
            Failure.ARCHITECTURE, f"'{file}' holds weights of another network than its {size}: {difference}; {CURE}."
        )
    network.load_state_dict(weights)
    return network.eval()


def answering(network: Direction) -> Network:
    """The network as a function of arrays, on one thread: more would fight over cores with the other models."""
    torch.set_num_threads(1)

    def answer(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return network(torch.from_numpy(windows)).numpy()

    return answer


def _content(file: str) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises on a broken file depends on where it breaks
        raise LoadError(
            Failure.UNREADABLE, f"'{file}' is no file of weights that can be read ({in_one_line(error)}); {CURE}."
        ) from error


def _parts(file: str, content: Any) -> tuple[Size, dict[str, Tensor]]:
    weights = content.get("weights") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(one, Tensor) for one in weights.values()):
        raise LoadError(
            Failure.ARCHITECTURE, f"'{file}' holds {_described(content)} where 'size' and 'weights' are needed; {CURE}."
        )
    return _size(file, content.get("size")), dict(weights)


def _described(content: Any) -> str:
    if isinstance(content, dict):
        return f"the keys {sorted(map(str, content))[:3]}"
    return f"a value of type {type(content).__name__}"


def _size(file: str, given: Any) -> Size:
    match given:
        case {"hidden": int(hidden), "layers": int(layers), "attention": bool(attention)} if (
            len(given) == 3 and 2 <= hidden <= MAX_HIDDEN and 1 <= layers <= MAX_LAYERS
        ):
            return Size(hidden, layers, attention)
    raise LoadError(
        Failure.ARCHITECTURE,
        f"'{file}' has the size {given!r:.100} where hidden (2 to {MAX_HIDDEN}), layers (1 to {MAX_LAYERS}) and "
        f"attention (true or false) are needed; {CURE}.",
    )


def _difference(needed: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str | None:
    """The first weight that does not fit, or None when all of them do."""
    for name, weight in needed.items():
        if name not in found:
            return f"'{name}' is missing"
        if found[name].shape != weight.shape:
            return f"'{name}' is {list(found[name].shape)} and not {list(weight.shape)}"
    return next((f"'{name}' is one too many" for name in found if name not in needed), None)
