"""From a trained network to the files that are served: an ONNX file that gives the same answers, and its weights."""

import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch

from rolloutmodels import sessions
from rolloutmodels.contract import FEATURES, INPUT, MAX_BATCH, OUTPUT, STEPS
from rolloutmodels.networks import Direction
from rolloutmodels.stress import Answer

OPSET = 17
CHECKED_BATCHES = (1, 4, MAX_BATCH)
TOLERANCE = 1e-5


class ExportError(Exception):
    """The ONNX file answers differently from the network it was made from."""


def write(network: Direction, file: Path) -> float:
    """Write the network with a free batch size; returns the largest difference from torch at any checked batch.

    Raises ExportError when that is more than the tolerance.
    """
    network.eval()
    with warnings.catch_warnings():
        # The older exporter keeps each LSTM one node; the newer one unrolls it, which serves about 1.5 times slower.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(2, STEPS, FEATURES),),
            str(file),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(file), full_check=True)
    return verify(network, file)


def verify(network: Direction, file: Path) -> float:
    """The largest difference between the file and the network. Raises ExportError when it is more than allowed."""
    answer = sessions.answering(file)
    worst = max(_difference(network, answer, batch) for batch in CHECKED_BATCHES)
    if worst > TOLERANCE:
        raise ExportError(f"{file} differs from torch by {worst:.1e}; at most {TOLERANCE:.0e} is allowed.")
    return worst


def write_weights(network: Direction, file: Path) -> None:
    """Write what torch serves: the weights, and the size of the network they fit."""
    torch.save({"size": asdict(network.size), "weights": network.state_dict()}, file)


def _difference(network: Direction, answer: Answer, batch: int) -> float:
    windows = np.random.default_rng(batch).standard_normal((batch, STEPS, FEATURES)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(windows)).numpy()
    return float(np.abs(expected - answer(windows)).max())
