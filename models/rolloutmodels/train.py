"""Train a model and write its artefact folder: `python -m rolloutmodels.train --model baseline --seed 1`.

Ctrl-C is safe at any time: `--resume` goes on after the last whole epoch and ends at the same weights.
"""

import argparse
import hashlib
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rolloutmodels import artefacts, checkpoints, market, networks
from rolloutmodels.cards import ONNX, Trained
from rolloutmodels.checkpoints import Checkpoint, CheckpointError
from rolloutmodels.export import ExportError
from rolloutmodels.plans import DataSet, Plan
from rolloutmodels.progress import Progress
from rolloutmodels.training import Training

VALIDATION = DataSet(seed=1_000_002, samples=16_384)
TEST = DataSet(seed=1_000_003, samples=24_576)
STRESS = DataSet(seed=1_000_004, samples=16_384)
ALL = "all"
CHECKPOINTS, ARTEFACTS = Path(".cache/training"), Path("models/artefacts")

_FAILED, _STOPPED = 2, 130
_PROBED_SAMPLES = 64


@dataclass(frozen=True)
class Recipe:
    """What a model is trained with when nothing else is asked for, sized to cost at most ten minutes of one core."""

    epochs: int
    peak_learning_rate: float
    samples: int = 294_912
    patience: int = 2


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
    resume: bool
    checkpoint: Path
    out: Path


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0, 2 after one sentence about what is wrong, or 130 when it was stopped."""
    requests = _requests(arguments)
    # More threads lose on a busy machine: OpenMP's spinning made steps up to 60 times slower.
    torch.set_num_threads(1)
    try:
        for request in requests:
            if not request.resume:  # or a later --resume would go on from what was not meant
                request.checkpoint.unlink(missing_ok=True)
        for request in requests:
            _run(request)
    except KeyboardInterrupt:
        again = shlex.join([*arguments, *([] if "--resume" in arguments else ["--resume"])])
        print(f"\nStopped. Go on with: python -m rolloutmodels.train {again}", file=sys.stderr)
        return _STOPPED
    except (CheckpointError, ExportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _run(request: Request) -> None:
    recipe = request.recipe
    print(f"{request.model}: {recipe.samples} samples, at most {recipe.epochs} epochs, seed {request.seed}", flush=True)
    card = artefacts.write(request.out, _train(request))
    print(f"{request.out}: {_summary(card)}", flush=True)


def _train(request: Request) -> Trained:
    law, data, plan = market.law(), _data(request), _plan(request)
    training = Training(networks.build(request.model, request.seed), plan)
    identity = _identity(request.model, plan, data["train"], law)
    before = checkpoints.resume(request.checkpoint, training, identity) if request.resume else 0.0

    def save(seconds: float) -> None:
        checkpoints.write(request.checkpoint, Checkpoint(identity, training.state(), before + seconds))

    seconds = before + _advance(training, law, data, save)
    epochs, best = len(training.epochs), training.best
    return Trained(request.model, training.finish(), law, data, plan, epochs, best, training.has_stalled, seconds)


def _advance(training: Training, law: market.Law, data: dict[str, DataSet], save: Callable[[float], None]) -> float:
    """Train to the end and save on the way; returns the seconds of one core it took."""
    if training.is_over:
        return 0.0
    if training.epochs:
        print(f"  goes on after epoch {len(training.epochs)}", flush=True)
    else:
        save(0.0)  # so that there is something to go on from if the first epoch is stopped
    train, validation = (market.sample(law, data[name].seed, data[name].samples) for name in ("train", "validation"))
    progress = Progress(sys.stdout, time.monotonic, training.plan.epochs)
    started = time.process_time()
    while not training.is_over:
        epoch = training.advance(train, validation, progress.step)
        save(time.process_time() - started)
        progress.epoch(epoch, is_best=training.best is epoch)
    if training.has_stalled:
        print(f"  stopped early: validation loss has not fallen since epoch {training.best.number}", flush=True)
    return time.process_time() - started


def _data(request: Request) -> dict[str, DataSet]:
    train = DataSet(request.seed, request.recipe.samples)
    return {"train": train, "validation": VALIDATION, "test": TEST, "stress": STRESS}


def _plan(request: Request) -> Plan:
    recipe = request.recipe
    return Plan(recipe.epochs, request.seed, recipe.peak_learning_rate, recipe.patience)


def _identity(model: str, plan: Plan, train: DataSet, law: market.Law) -> checkpoints.Identity:
    """All that decides the weights after an epoch. How many epochs there may be does not, so that may change."""
    lasting = {name: value for name, value in asdict(plan).items() if name not in ("epochs", "patience")}
    return {
        "model": model,
        **asdict(networks.SIZES[model]),
        "samples": train.samples,
        **lasting,
        "market": _fingerprint(law, train.seed),
    }


def _fingerprint(law: market.Law, seed: int) -> str:
    """Twelve letters that change with the market's law or with how it is simulated."""
    probe = market.sample(law, seed, _PROBED_SAMPLES)
    return hashlib.sha256(probe.features.tobytes() + probe.labels.tobytes()).hexdigest()[:12]


def _summary(card: dict[str, Any]) -> str:
    test, seconds = card["test"], card["training"]["cpu_seconds"]
    return (
        f"accuracy {100 * test['accuracy']:.2f} % (s.e. {100 * test['standard_error']:.2f}) "
        f"of at most {100 * test['bayes_accuracy']:.2f} %, {card['network']['parameters']} parameters, "
        f"{card['files'][ONNX]['bytes'] / 1e6:.2f} MB, trained in {seconds} s of one core"
    )


def _requests(arguments: Sequence[str]) -> list[Request]:
    parser = argparse.ArgumentParser(prog="python -m rolloutmodels.train", description=__doc__)
    parser.add_argument("--model", required=True, choices=[*networks.SIZES, ALL])
    parser.add_argument("--seed", type=_positive, default=1, help="of the training data, the weights and the order")
    parser.add_argument("--epochs", type=_positive, help="passes over the samples at most; default by model")
    parser.add_argument("--samples", type=_positive, help="training windows; default by model")
    parser.add_argument(
        "--patience", type=_positive, help="epochs without a better one before it ends; default by model"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint; else it is replaced")
    parser.add_argument("--checkpoints", type=Path, help="folder; default .cache/training/<model>")
    parser.add_argument("--out", type=Path, help="artefact folder; default models/artefacts/<model>")
    given = parser.parse_args(arguments)
    if given.seed in (VALIDATION.seed, TEST.seed, STRESS.seed):
        parser.error(f"--seed {given.seed} is the seed of validation, test or stress data; choose another.")
    return [_request(model, given) for model in (networks.SIZES if given.model == ALL else [given.model])]


def _request(model: str, given: argparse.Namespace) -> Request:
    """With `--model all` each model has a folder of its own in those that are given, and goes on if it has begun."""
    is_one_of_all = given.model == ALL
    inner = model if is_one_of_all else ""
    checkpoint = (given.checkpoints / inner if given.checkpoints else CHECKPOINTS / model) / checkpoints.FILE
    out = given.out / inner if given.out else ARTEFACTS / model
    asked = {name: getattr(given, name) for name in ("epochs", "samples", "patience")}
    recipe = replace(RECIPES[model], **{name: value for name, value in asked.items() if value is not None})
    resume = given.resume and (checkpoint.exists() or not is_one_of_all)
    return Request(model, given.seed, recipe, resume, checkpoint, out)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
