"""The card of a model, as plain JSON values: what it was trained on, how well it does, where, and how fast.

All that is measured is measured on the ONNX file itself, for that is what is served.
"""

import hashlib
import math
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rolloutmodels import export, features, latency, market, networks, sessions, stress
from rolloutmodels.contract import MAX_BATCH
from rolloutmodels.plans import DataSet, Epoch, Plan

NOTICE = "Trained on a synthetic market. It shows how a model is rolled out and is no advice to trade."
ONNX, WEIGHTS = "model.onnx", "model.pt"
_PACKAGES = ("torch", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Trained:
    """A network, and how it came about. `data` holds the sets train, validation, test and stress."""

    model: str
    network: networks.Direction
    law: market.Law
    data: dict[str, DataSet]
    plan: Plan
    epochs: int
    best: Epoch
    stopped_early: bool
    cpu_seconds: float


def fill(trained: Trained, folder: Path, difference: float) -> dict[str, Any]:
    """The card of the files in that folder, whose ONNX file answers within `difference` of torch."""
    answer = sessions.answering(folder / ONNX)
    return {
        "model": trained.model,
        "notice": NOTICE,
        "features": list(features.NAMES),
        "network": asdict(trained.network.size) | {"parameters": networks.parameter_count(trained.network)},
        "market": _market(trained.law),
        "data": {name: asdict(data) for name, data in trained.data.items()},
        "training": _training(trained),
        **_scores(answer, trained),
        "latency": _latency(answer),
        "export": {"opset": export.OPSET, "largest_difference_from_torch": float(f"{difference:.1e}")},
        "files": {name: _file(folder / name) for name in (ONNX, WEIGHTS)},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def _market(law: market.Law) -> dict[str, Any]:
    """The law in short: its terms follow from its seed, so their number is enough."""
    return asdict(law) | {"pairs": len(law.pairs), "lines": len(law.lines)}


def _training(trained: Trained) -> dict[str, Any]:
    asked = {("epochs_at_most" if name == "epochs" else name): value for name, value in asdict(trained.plan).items()}
    return asked | {
        "epochs": trained.epochs,
        "stopped_early": trained.stopped_early,
        "best_epoch": trained.best.number,
        "validation_loss": round(trained.best.validation_loss, 4),
        "validation_accuracy": round(trained.best.validation_accuracy, 4),
        "cpu_seconds": round(trained.cpu_seconds),
    }


def _scores(answer: stress.Answer, trained: Trained) -> dict[str, Any]:
    """Accuracy on the test set, over all and by regime, and on each stress set."""
    sample = market.sample(trained.law, trained.data["test"].seed, trained.data["test"].samples)
    probabilities = answer(sample.features)
    regimes = stress.by_regime(probabilities, sample)
    examined = stress.examine(answer, trained.law, trained.data["stress"].seed, trained.data["stress"].samples)
    return {
        "test": _rounded(_score(probabilities, sample)) | {"bayes_accuracy": round(sample.bayes_accuracy, 4)},
        "regimes": {name: _rounded(score) for name, score in regimes.items()},
        "stress": {name: _rounded(result) for name, result in examined.items()},
    }


def _score(probabilities: ArrayLike, sample: market.Sample) -> stress.Score:
    accuracy = float(((np.ravel(probabilities) > 0.5) == (sample.labels == 1.0)).mean())
    return stress.Score(accuracy, math.sqrt(accuracy * (1.0 - accuracy) / len(sample)))


def _latency(answer: stress.Answer) -> dict[str, Any]:
    """Of a call without a server around it, on the machine that trained the model and in its quietest moments."""
    times = {f"batch_{batch}": _rounded(latency.measure(answer, batch)) for batch in (1, MAX_BATCH)}
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    return {"unit": "ms", "runtime": "onnxruntime, one thread", "machine": machine, **times}


def _file(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _rounded(values: Any) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(values).items()}
