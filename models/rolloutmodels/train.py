"""Train one model and write its artefact folder: `python -m rolloutmodels.train --model baseline --seed 1`."""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rolloutmodels import artefacts, market, networks, training
from rolloutmodels.artefacts import DataSet

VALIDATION = DataSet(seed=1_000_002, samples=8_192)
TEST = DataSet(seed=1_000_003, samples=24_576)


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
    """What was asked for on the command line; the seed draws the training data, the weights and the order."""

    model: str
    seed: int
    recipe: Recipe
    out: Path


def main() -> None:
    request = _parse()
    # More threads lose on a busy machine: OpenMP's spinning made steps up to 60 times slower.
    torch.set_num_threads(1)
    recipe = request.recipe
    print(f"{request.model}: {recipe.samples} samples, {recipe.epochs} epochs, seed {request.seed}", flush=True)
    card = artefacts.write(request.out, _train(request))
    print(f"{request.out}: {_summary(card)}, trained in {card['training']['cpu_seconds']} s of one core")


def _train(request: Request) -> artefacts.Trained:
    law = market.law()
    data = {"train": DataSet(request.seed, request.recipe.samples), "validation": VALIDATION, "test": TEST}
    train, validation, test = (market.sample(law, part.seed, part.samples) for part in data.values())
    network = networks.build(request.model, request.seed)
    plan = training.Plan(request.recipe.epochs, request.seed, request.recipe.peak_learning_rate)
    started = time.process_time()
    best = training.fit(network, train, validation, plan, _say)
    seconds = time.process_time() - started
    score = training.score(network, test)
    return artefacts.Trained(request.model, network, law, data, plan, best, score, test.bayes_accuracy, seconds)


def _say(epoch: training.Epoch) -> None:
    accuracy = f"{100 * epoch.validation_accuracy:.2f} %"
    print(f"  epoch {epoch.number}: loss {epoch.loss:.4f}, validation accuracy {accuracy}", flush=True)


def _summary(card: dict[str, Any]) -> str:
    test = card["test"]
    return (
        f"accuracy {100 * test['accuracy']:.2f} % (s.e. {100 * test['standard_error']:.2f}) "
        f"of at most {100 * test['bayes_accuracy']:.2f} %, {card['network']['parameters']} parameters, "
        f"{card['file']['bytes'] / 1e6:.2f} MB"
    )


def _parse() -> Request:
    parser = argparse.ArgumentParser(prog="python -m rolloutmodels.train", description=__doc__)
    parser.add_argument("--model", required=True, choices=list(networks.SIZES))
    parser.add_argument("--seed", type=_positive, default=1, help="of the training data, the weights and the order")
    parser.add_argument("--epochs", type=_positive, help="passes over the samples; default by model")
    parser.add_argument("--samples", type=_positive, help="training windows; default by model")
    parser.add_argument("--out", type=Path, help="artefact folder; default models/artefacts/<model>")
    given = parser.parse_args()
    if given.seed in (VALIDATION.seed, TEST.seed):
        parser.error(f"--seed {given.seed} is the seed of the validation or test data; choose another.")
    recipe = _recipe(given.model, {"epochs": given.epochs, "samples": given.samples})
    return Request(given.model, given.seed, recipe, given.out or Path("models/artefacts") / given.model)


def _recipe(model: str, asked: dict[str, int | None]) -> Recipe:
    return replace(RECIPES[model], **{name: value for name, value in asked.items() if value is not None})


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
