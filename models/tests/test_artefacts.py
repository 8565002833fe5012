"""The committed artefacts: what their cards promise, they do."""

import asyncio
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from mlserver.repository.load import load_model_settings
from mlserver.utils import get_model_uri
from rolloutmodels import market, runtime

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
README = ARTEFACTS.parent / "README.md"
MODELS = sorted(file.parent.name for file in ARTEFACTS.glob("*/model.onnx"))
FRESH = market.sample(market.law(), seed=4_242, samples=8_192)


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest) -> Path:
    return ARTEFACTS / request.param


@pytest.fixture
def card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text())


def test_there_is_a_baseline_and_a_candidate() -> None:
    assert {"baseline", "enhanced"} <= set(MODELS)


def test_the_card_describes_this_very_file(folder: Path, card: dict[str, Any]) -> None:
    content = (folder / "model.onnx").read_bytes()

    assert card["model"] == folder.name
    assert card["file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["file"]["bytes"] == len(content) < 2_000_000
    assert card["file"]["largest_difference_from_torch"] <= 1e-5


def test_the_network_is_sound_and_takes_any_batch(folder: Path) -> None:
    network = onnx.load(folder / "model.onnx")

    onnx.checker.check_model(network, full_check=True)
    (given,), (answered,) = network.graph.input, network.graph.output
    assert (given.name, answered.name) == ("input_data", "probability")
    assert [step.dim_value for step in given.type.tensor_type.shape.dim] == [0, 10, 35]


def test_accuracy_on_a_market_never_seen_is_what_the_card_says(folder: Path, card: dict[str, Any]) -> None:
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])

    (probability,) = session.run(["probability"], {"input_data": FRESH.features})

    accuracy = ((probability.ravel() > 0.5) == (FRESH.labels == 1.0)).mean()
    here, there = np.sqrt(accuracy * (1 - accuracy) / len(FRESH)), card["test"]["standard_error"]
    assert abs(accuracy - card["test"]["accuracy"]) < 4 * np.hypot(here, there)
    assert 0.6 < accuracy < FRESH.bayes_accuracy


def test_probabilities_mean_what_they_say(folder: Path) -> None:
    """Of the windows given about 70 %, about 70 % rise: the answer is a probability and not a mere score."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (probability,) = session.run(["probability"], {"input_data": FRESH.features})
    confident = (probability.ravel() > 0.65) & (probability.ravel() < 0.75)

    assert confident.sum() > 300
    assert abs(FRESH.labels[confident].mean() - probability.ravel()[confident].mean()) < 0.08


def test_the_market_is_still_the_one_of_the_card(card: dict[str, Any]) -> None:
    test = card["data"]["test"]

    again = market.sample(market.law(), test["seed"], test["samples"])

    assert round(again.bayes_accuracy, 4) == card["test"]["bayes_accuracy"]


def test_the_readme_repeats_the_card_truly(card: dict[str, Any]) -> None:
    (row,) = [line for line in README.read_text().splitlines() if line.startswith(f"| {card['model']} |")]

    score = card["test"]
    assert f"{100 * score['accuracy']:.2f} % (s.e. {100 * score['standard_error']:.2f})" in row
    assert f"{card['network']['parameters']:,}" in row
    assert f"{100 * score['bayes_accuracy']:.2f} %" in README.read_text()


def test_the_folder_can_be_copied_anywhere_under_another_name(folder: Path, tmp_path: Path) -> None:
    """As a Seldon agent does it: `<model>_<version>/`, with nothing but the name rewritten."""
    copy = shutil.copytree(folder, tmp_path / "trend_1")

    settings = load_model_settings(str(copy / "model-settings.json"))

    assert settings.implementation_ == f"{runtime.__name__}.{runtime.DirectionRuntime.__name__}"
    assert asyncio.run(get_model_uri(settings)) == str(copy / "model.onnx")
