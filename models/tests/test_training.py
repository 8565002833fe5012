"""Training and export, which need torch."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from rolloutmodels import market

torch = pytest.importorskip("torch", reason="torch is not installed; `make models` installs it beside the rest")

from rolloutmodels import export, networks, train, training  # noqa: E402 - they import torch

pytestmark = pytest.mark.torch

EASY = replace(market.law(pairs=0, lines=0), flow_weight=1.5)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("model", networks.SIZES)
def test_the_onnx_file_answers_as_the_network_does(model: str, tmp_path: Path) -> None:
    network = networks.build(model, seed=3)

    export.write(network, tmp_path / "model.onnx")

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 4, 32):
        windows = market.sample(EASY, seed=batch, samples=batch).features
        (answered,) = session.run(["probability"], {"input_data": windows})
        with torch.inference_mode():
            expected = network(torch.from_numpy(windows)).numpy()
        np.testing.assert_allclose(answered, expected, atol=1e-5)
        assert answered.shape == (batch, 1)


def test_a_file_of_other_weights_is_found_out(tmp_path: Path) -> None:
    export.write(networks.build("lightweight", seed=1), tmp_path / "model.onnx")

    with pytest.raises(export.ExportError, match="differs from torch by"):
        export.verify(networks.build("lightweight", seed=2), tmp_path / "model.onnx")


def _weights_after_two_steps(seed: int) -> bytes:
    sample = market.sample(EASY, seed, 256)
    network = networks.build("baseline", seed)
    training.fit(network, sample, sample, training.Plan(1, seed, 2e-3, batch=128), lambda _: None)
    return b"".join(weight.numpy().tobytes() for weight in network.state_dict().values())


def test_two_steps_from_one_seed_give_the_same_weights() -> None:
    first = _weights_after_two_steps(5)

    assert _weights_after_two_steps(5) == first
    assert _weights_after_two_steps(6) != first


def test_a_small_network_learns_an_easy_market() -> None:
    network = networks.build("lightweight", seed=1)
    test = market.sample(EASY, 9, 4_096)
    before = training.score(network, test)

    training.fit(network, market.sample(EASY, 1, 8_192), test, training.Plan(3, 1, 1e-2), lambda _: None)

    after = training.score(network, test)
    assert before.accuracy < 0.6
    assert test.bayes_accuracy - 0.05 < after.accuracy < test.bayes_accuracy + 4 * after.standard_error


def test_the_best_epoch_is_kept_and_not_the_last() -> None:
    """A rate this high ruins the network after its first epochs, so the best epoch is not the last one."""
    network = networks.build("lightweight", seed=2)
    validation = market.sample(EASY, 9, 2_048)
    seen: list[training.Epoch] = []

    best = training.fit(network, market.sample(EASY, 1, 2_048), validation, training.Plan(6, 1, 0.5), seen.append)

    assert [epoch.number for epoch in seen] == [1, 2, 3, 4, 5, 6]
    assert best == max(seen, key=lambda epoch: epoch.validation_accuracy)
    assert best.number < 6
    assert training.score(network, validation).accuracy == best.validation_accuracy


def test_building_a_network_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(8)
    expected = torch.rand(3)

    torch.manual_seed(8)
    networks.build("lightweight", seed=1)

    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^model is 'huge'; choose one of lightweight, baseline, enhanced\.$"):
        networks.build("huge", seed=1)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rolloutmodels.train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_writes_a_whole_artefact(tmp_path: Path) -> None:
    ran = _run("--model", "lightweight", "--samples", "1024", "--epochs", "1", "--out", str(tmp_path / "out"))

    assert ran.returncode == 0, ran.stderr
    assert "epoch 1: loss" in ran.stdout
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["data"]["train"] == {"seed": 1, "samples": 1024}
    assert card["training"]["epochs"] == 1
    assert (tmp_path / "out/model.onnx").stat().st_size == card["file"]["bytes"]
    assert json.loads((tmp_path / "out/model-settings.json").read_text())["parameters"]["uri"] == "./model.onnx"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seed", str(train.TEST.seed)], "is the seed of the validation or test data; choose another."),
        (["--epochs", "0"], "'0' is no whole number of 1 or more"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(arguments: list[str], sentence: str) -> None:
    ran = _run("--model", "lightweight", *arguments)

    assert ran.returncode == 2
    assert sentence in ran.stderr
