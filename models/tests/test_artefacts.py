"""The committed artefacts: what their cards promise, they do. Needs no torch."""

import asyncio
import hashlib
import json
import shutil
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from rolloutmodels import features, market, sessions, stress

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
README = ARTEFACTS.parent / "README.md"
MODELS = ("lightweight", "baseline", "enhanced")
FRESH_SEED = 4_242  # of no set that a card tells of
FRESH = market.sample(market.law(), FRESH_SEED, samples=24_576)
RISES = FRESH.labels == 1.0


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest) -> Path:
    return ARTEFACTS / request.param


@pytest.fixture
def card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text())


@cache
def _probabilities(folder: Path) -> NDArray[np.float32]:
    return np.asarray(sessions.answering(folder / "model.onnx")(FRESH.features)).ravel()


def _accuracy(folder: Path) -> float:
    return float(((_probabilities(folder) > 0.5) == RISES).mean())


def _are_close(one: dict[str, float], other: dict[str, float], value: str, error: str) -> bool:
    """Whether two measurements of one thing differ by no more than 4 standard errors of their difference."""
    return bool(abs(one[value] - other[value]) <= 4 * np.hypot(one[error], other[error]))


def test_the_three_models_are_all_there_is() -> None:
    assert {file.parent.name for file in ARTEFACTS.glob("*/model.onnx")} == set(MODELS)


def test_the_card_describes_these_very_files(folder: Path, card: dict[str, Any]) -> None:
    contents = {name: (folder / name).read_bytes() for name in ("model.onnx", "model.pt")}

    assert card["model"] == folder.name
    assert card["export"]["largest_difference_from_torch"] <= 1e-5
    assert card["files"] == {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    assert max(map(len, contents.values())) < 2_000_000


def test_the_card_tells_all_that_a_person_would_ask(card: dict[str, Any]) -> None:
    """Its other parts are held to what they say by the tests around this one."""
    assert card["features"] == list(features.NAMES)
    assert set(card["data"]) == {"train", "validation", "test", "stress"}
    assert len({data["seed"] for data in card["data"].values()} | {FRESH_SEED}) == 5
    assert {"seed", "epochs", "best_epoch", "stopped_early", "cpu_seconds"} <= set(card["training"])
    assert card["training"]["best_epoch"] <= card["training"]["epochs"] <= card["training"]["epochs_at_most"]
    assert set(card["versions"]) == {"python", "torch", "onnx", "onnxruntime", "numpy"}
    for batch in ("batch_1", "batch_32"):
        assert 0 < card["latency"][batch]["p50"] <= card["latency"][batch]["p95"]


def test_the_network_is_sound_and_takes_any_batch(folder: Path) -> None:
    network = onnx.load(folder / "model.onnx")

    onnx.checker.check_model(network, full_check=True)
    (given,), (answered,) = network.graph.input, network.graph.output
    assert (given.name, answered.name) == ("input_data", "probability")
    assert [step.dim_value for step in given.type.tensor_type.shape.dim] == [0, 10, 35]


def test_answers_are_probabilities_and_never_certain(folder: Path) -> None:
    assert _probabilities(folder).min() > 0
    assert _probabilities(folder).max() < 1


def test_accuracy_on_a_market_never_seen_is_within_a_point_of_the_card(folder: Path, card: dict[str, Any]) -> None:
    accuracy = _accuracy(folder)

    assert abs(accuracy - card["test"]["accuracy"]) <= 0.01
    assert 0.6 < accuracy < FRESH.bayes_accuracy


def test_larger_models_know_more_on_a_market_never_seen() -> None:
    """All answer the same windows, so what they share of good and bad luck does not count."""
    lightweight, baseline, enhanced = (_probabilities(ARTEFACTS / model) > 0.5 for model in MODELS)

    gain = (baseline == RISES).astype(float) - (lightweight == RISES)

    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))
    assert (enhanced == RISES).mean() >= (baseline == RISES).mean()


def test_accuracy_in_every_regime_is_what_the_card_says(folder: Path, card: dict[str, Any]) -> None:
    here = stress.by_regime(_probabilities(folder), FRESH)

    assert set(here) == set(card["regimes"])
    for name, score in here.items():
        assert _are_close(asdict(score), card["regimes"][name], "accuracy", "standard_error"), name


def test_accuracy_and_profit_under_stress_are_what_the_card_says(folder: Path, card: dict[str, Any]) -> None:
    here = stress.examine(sessions.answering(folder / "model.onnx"), market.law(), FRESH_SEED + 1, samples=8_192)

    assert list(here) == list(card["stress"])
    for name, result in here.items():
        assert _are_close(asdict(result), card["stress"][name], "accuracy", "standard_error"), name
        assert _are_close(asdict(result), card["stress"][name], "profit_mean", "profit_standard_error"), name


def test_probabilities_mean_what_they_say(folder: Path) -> None:
    """Of the windows given about 70 %, about 70 % rise: the answer is a probability and not a mere score."""
    confident = (_probabilities(folder) > 0.65) & (_probabilities(folder) < 0.75)

    assert confident.sum() > 1_000
    assert abs(FRESH.labels[confident].mean() - _probabilities(folder)[confident].mean()) < 0.05


def test_the_market_is_still_the_one_of_the_card(card: dict[str, Any]) -> None:
    law, test = market.law(), card["data"]["test"]

    again = market.sample(law, test["seed"], test["samples"])

    assert card["market"] == asdict(law) | {"pairs": len(law.pairs), "lines": len(law.lines)}
    assert round(again.bayes_accuracy, 4) == card["test"]["bayes_accuracy"]


def test_the_readme_repeats_the_card_truly(card: dict[str, Any]) -> None:
    (row,) = [line for line in README.read_text().splitlines() if line.startswith(f"| {card['model']} |")]

    score = card["test"]
    assert f"{100 * score['accuracy']:.2f} % (s.e. {100 * score['standard_error']:.2f})" in row
    assert f"{card['network']['parameters']:,}" in row
    assert f"{100 * score['bayes_accuracy']:.2f} %" in README.read_text()


def test_the_folder_can_be_copied_anywhere_under_another_name(folder: Path, tmp_path: Path) -> None:
    """As a Seldon agent does it: `<model>_<version>/`, with nothing but the name rewritten."""
    pytest.importorskip("mlserver", reason="mlserver is not installed; it comes with the extra `serve`")
    from mlserver.repository.load import load_model_settings
    from mlserver.utils import get_model_uri

    copy = shutil.copytree(folder, tmp_path / "trend_1")

    settings = load_model_settings(str(copy / "model-settings.json"))

    assert settings.implementation_ == "rolloutmodels.runtime.DirectionRuntime"
    assert asyncio.run(get_model_uri(settings)) == str(copy / "model.onnx")
