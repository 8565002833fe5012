"""`python -m rolloutmodels.train --model baseline --seed 1`: train, export, and write the artefact folder."""

import argparse
import hashlib
import json
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from rolloutmodels import export, market, networks, training
from rolloutmodels.contract import FEATURES, INPUT, OUTPUT, STEPS

VALIDATION_SEED, TEST_SEED = 1_000_002, 1_000_003  # far from any training seed a person would choose
VALIDATION_SAMPLES, TEST_SAMPLES = 8_192, 24_576
NOTICE = "Trained on a synthetic market. It shows how a model is rolled out and is no advice to trade."


@dataclass(frozen=True)
class Recipe:
    """What a model is trained with when nothing else is asked for, sized to cost at most five minutes of one core."""

    epochs: int
    peak_learning_rate: float
    samples: int = 147_456


RECIPES = {
    "lightweight": Recipe(epochs=6, peak_learning_rate=4e-3),
    "baseline": Recipe(epochs=6, peak_learning_rate=4e-3),
    "enhanced": Recipe(epochs=4, peak_learning_rate=2e-3),
}


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    model: str
    seed: int
    recipe: Recipe
    out: Path


def main() -> None:
    request = _parse()
    # More threads lose on a busy machine: OpenMP's spinning made steps up to 60 times slower.
    torch.set_num_threads(1)
    law = market.law()
    recipe = request.recipe
    print(f"{request.model}: {recipe.samples} samples, {recipe.epochs} epochs, seed {request.seed}", flush=True)
    train = market.sample(law, request.seed, recipe.samples)
    validation = market.sample(law, VALIDATION_SEED, VALIDATION_SAMPLES)
    network = networks.build(request.model, request.seed)
    started = time.perf_counter()
    plan = training.Plan(recipe.epochs, request.seed, recipe.peak_learning_rate)
    best = training.fit(network, train, validation, plan, _say)
    seconds = time.perf_counter() - started
    card = _write(request, network, best, market.sample(law, TEST_SEED, TEST_SAMPLES), seconds)
    print(f"{request.out}: {_summary(card)}, trained in {seconds:.0f} s")


def _parse() -> Request:
    parser = argparse.ArgumentParser(prog="python -m rolloutmodels.train", description=__doc__)
    parser.add_argument("--model", required=True, choices=list(networks.SIZES))
    parser.add_argument("--seed", type=_positive, default=1, help="of the training data, the weights and the order")
    parser.add_argument("--epochs", type=_positive, help="passes over the samples; default by model")
    parser.add_argument("--samples", type=_positive, help="training windows; default by model")
    parser.add_argument("--out", type=Path, help="artefact folder; default models/artefacts/<model>")
    given = parser.parse_args()
    if given.seed in (VALIDATION_SEED, TEST_SEED):
        parser.error(f"--seed {given.seed} is the seed of the validation or test data; choose another.")
    return Request(
        model=given.model,
        seed=given.seed,
        recipe=_recipe(given.model, {"epochs": given.epochs, "samples": given.samples}),
        out=given.out or Path("models/artefacts") / given.model,
    )


def _recipe(model: str, asked: dict[str, int | None]) -> Recipe:
    return replace(RECIPES[model], **{name: value for name, value in asked.items() if value is not None})


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _say(epoch: training.Epoch) -> None:
    print(
        f"  epoch {epoch.number}: loss {epoch.loss:.4f}, validation accuracy {100 * epoch.validation_accuracy:.2f} %",
        flush=True,
    )


def _write(
    request: Request, network: networks.Direction, best: training.Epoch, test: market.Sample, seconds: float
) -> dict[str, Any]:
    """The artefact folder: the network, its MLServer settings and its card, which is also returned."""
    request.out.mkdir(parents=True, exist_ok=True)
    file = request.out / "model.onnx"
    difference = export.write(network, file)
    card = {
        "model": request.model,
        "notice": NOTICE,
        "network": {
            **asdict(networks.SIZES[request.model]),
            "parameters": networks.parameter_count(network),
        },
        "data": {
            "market": asdict(market.law()) | {"pairs": len(market.law().pairs), "lines": len(market.law().lines)},
            "train": {"seed": request.seed, "samples": request.recipe.samples},
            "validation": {"seed": VALIDATION_SEED, "samples": VALIDATION_SAMPLES},
            "test": {"seed": TEST_SEED, "samples": TEST_SAMPLES},
        },
        "training": {
            "seed": request.seed,
            "epochs": request.recipe.epochs,
            "peak_learning_rate": request.recipe.peak_learning_rate,
            "best_epoch": best.number,
            "validation_accuracy": round(best.validation_accuracy, 4),
            "seconds": round(seconds),
        },
        "test": {key: round(value, 4) for key, value in asdict(training.score(network, test)).items()}
        | {"bayes_accuracy": round(test.bayes_accuracy, 4)},
        "file": {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "opset": export.OPSET,
            "largest_difference_from_torch": float(f"{difference:.1e}"),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }
    _dump(request.out / "card.json", card)
    _dump(request.out / "model-settings.json", _settings(request.model))
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


def _summary(card: dict[str, Any]) -> str:
    test = card["test"]
    return (
        f"accuracy {100 * test['accuracy']:.2f} % (s.e. {100 * test['standard_error']:.2f}) "
        f"of at most {100 * test['bayes_accuracy']:.2f} %, {card['network']['parameters']} parameters, "
        f"{card['file']['bytes'] / 1e6:.2f} MB"
    )


def _dump(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
