"""The folder a trained model leaves behind: the network, its MLServer settings and its card.

A Seldon Model loads such a folder by its `storageUri`.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from rolloutmodels import export, market, networks
from rolloutmodels.contract import FEATURES, INPUT, OUTPUT, STEPS
from rolloutmodels.training import Epoch, Plan, Score

NOTICE = "Trained on a synthetic market. It shows how a model is rolled out and is no advice to trade."


@dataclass(frozen=True)
class DataSet:
    """A sample by where it came from: its seed and its number of windows."""

    seed: int
    samples: int


@dataclass(frozen=True)
class Trained:
    """A network with everything its card has to say."""

    model: str
    network: networks.Direction
    law: market.Law
    data: dict[str, DataSet]  # train, validation, test
    plan: Plan
    best: Epoch
    test: Score
    bayes_accuracy: float
    cpu_seconds: float


def write(folder: Path, trained: Trained) -> dict[str, Any]:
    """Write the folder and return the card. Raises ExportError when the ONNX file is not faithful."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    difference = export.write(trained.network, file)
    card = {
        "model": trained.model,
        "notice": NOTICE,
        "network": asdict(networks.SIZES[trained.model]) | {"parameters": networks.parameter_count(trained.network)},
        "market": _market(trained.law),
        "data": {name: asdict(data) for name, data in trained.data.items()},
        "training": _training(trained),
        "test": _rounded(asdict(trained.test) | {"bayes_accuracy": trained.bayes_accuracy}),
        "file": _file(file, difference),
        "versions": _versions(),
    }
    _dump(folder / "card.json", card)
    _dump(folder / "model-settings.json", _settings(trained.model))
    return card


def _settings(model: str) -> dict[str, Any]:
    """What MLServer reads; `uri` is relative to the settings file, so the folder can be copied anywhere."""
    return {
        "name": model,
        "implementation": "rolloutmodels.runtime.DirectionRuntime",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, STEPS, FEATURES]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, 1]}],
        "parameters": {"uri": "./model.onnx", "extra": {}},
    }


def _market(law: market.Law) -> dict[str, Any]:
    """The law in short: its terms follow from its seed, so their number is enough."""
    return asdict(law) | {"pairs": len(law.pairs), "lines": len(law.lines)}


def _training(trained: Trained) -> dict[str, Any]:
    best = {"best_epoch": trained.best.number, "validation_accuracy": trained.best.validation_accuracy}
    return asdict(trained.plan) | _rounded(best) | {"cpu_seconds": round(trained.cpu_seconds)}


def _file(file: Path, difference: float) -> dict[str, Any]:
    content = file.read_bytes()
    return {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": export.OPSET,
        "largest_difference_from_torch": float(f"{difference:.1e}"),
    }


def _versions() -> dict[str, str]:
    modules = {"torch": torch, "onnx": onnx, "onnxruntime": onnxruntime, "numpy": np}
    return {"python": platform.python_version()} | {name: str(it.__version__) for name, it in modules.items()}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in values.items()}


def _dump(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
