"""The folder a trained model leaves behind: the network for two runtimes, its MLServer settings and its card.

A Seldon Model loads such a folder by its `storageUri`.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rolloutmodels import cards, export
from rolloutmodels.cards import ONNX, WEIGHTS, Trained
from rolloutmodels.contract import FEATURES, INPUT, OUTPUT, STEPS

SETTINGS, CARD = "model-settings.json", "card.json"
FILES = (ONNX, WEIGHTS, SETTINGS, CARD)  # the card comes last: where its checksums hold, all of them are new


def write(folder: Path, trained: Trained) -> dict[str, Any]:
    """Write the folder and return the card. Raises ExportError when the ONNX file is not faithful.

    All files are made and checked elsewhere first, so a crash or an error leaves the old folder as it was.
    """
    with TemporaryDirectory(prefix="artefact-") as made:
        card = _make(Path(made), trained)
        _install(Path(made), folder)
    return card


def _make(folder: Path, trained: Trained) -> dict[str, Any]:
    difference = export.write(trained.network, folder / ONNX)
    export.write_weights(trained.network, folder / WEIGHTS)
    card = cards.fill(trained, folder, difference)
    _dump(folder / SETTINGS, _settings(trained.model))
    _dump(folder / CARD, card)
    return card


def _install(made: Path, folder: Path) -> None:
    """Copy the files beside the old ones, which takes a while and may fail, and only then give them their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(made / name, _fresh(folder, name))
    for name in FILES:
        _fresh(folder, name).replace(folder / name)


def _fresh(folder: Path, name: str) -> Path:
    return folder / f".{name}.new"


def _settings(model: str) -> dict[str, Any]:
    """What MLServer reads; `uri` is relative to the settings file, so the folder can be copied anywhere."""
    return {
        "name": model,
        "implementation": "rolloutmodels.runtime.DirectionRuntime",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, STEPS, FEATURES]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, 1]}],
        "parameters": {"uri": f"./{ONNX}", "extra": {}},
    }


def _dump(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
