"""From a trained network to an ONNX file that gives the same answers."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from rolloutmodels.contract import FEATURES, INPUT, MAX_BATCH, OUTPUT, STEPS
from rolloutmodels.networks import Direction

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
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst = max(_difference(network, session, batch) for batch in CHECKED_BATCHES)
    if worst > TOLERANCE:
        raise ExportError(f"{file} differs from torch by {worst:.1e}; at most {TOLERANCE:.0e} is allowed.")
    return worst


def _difference(network: Direction, session: onnxruntime.InferenceSession, batch: int) -> float:
    windows = np.random.default_rng(batch).standard_normal((batch, STEPS, FEATURES)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(windows)).numpy()
    (answered,) = session.run([OUTPUT], {INPUT: windows})
    return float(np.abs(expected - answered).max())
