"""Training and export, which need torch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from rolloutmodels import market

torch = pytest.importorskip("torch", reason="torch is not installed; `make models` installs it beside the rest")

from rolloutmodels import artefacts, cards, export, networks, training  # noqa: E402 - they import torch
from rolloutmodels.plans import Epoch, Plan, Step  # noqa: E402

pytestmark = pytest.mark.torch

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
EASY = replace(market.law(pairs=0, lines=1), line_weight=1.5, flow_weight=0.0, drift_weight=0.0)


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


def _fit(
    network: networks.Direction,
    train: market.Sample,
    validation: market.Sample,
    plan: Plan,
    report: Callable[[Epoch], None],
) -> Epoch:
    """Train in one go, leave the weights of the best epoch, and return that epoch."""
    course = training.Training(network, plan)
    while not course.is_over:
        report(course.advance(train, validation, lambda _: None))
    course.finish()
    return course.best


def _weights_after_two_steps(seed: int) -> bytes:
    sample = market.sample(EASY, seed, 256)
    network = networks.build("baseline", seed)
    _fit(network, sample, sample, Plan(1, seed, 2e-3, batch=128), lambda _: None)
    return b"".join(weight.numpy().tobytes() for weight in network.state_dict().values())


def test_two_steps_from_one_seed_give_the_same_weights() -> None:
    first = _weights_after_two_steps(5)

    assert _weights_after_two_steps(5) == first
    assert _weights_after_two_steps(6) != first


def test_a_small_network_learns_an_easy_market() -> None:
    network = networks.build("lightweight", seed=1)
    test = market.sample(EASY, 9, 4_096)
    before = training.score(network, test)

    _fit(
        network,
        market.sample(EASY, 1, 8_192),
        test,
        Plan(3, 1, 1e-2, batch=128, warm_up_steps=20),
        lambda _: None,
    )

    after = training.score(network, test)
    assert before.accuracy < 0.6
    assert test.bayes_accuracy - 0.05 < after.accuracy < test.bayes_accuracy + 4 * after.standard_error


def test_the_best_epoch_is_kept_and_training_ends_when_patience_runs_out() -> None:
    """Labels are pure chance here, so after some epochs all that is learned is harmful."""
    blind = replace(EASY, line_weight=0.0)
    network, validation = networks.build("lightweight", seed=3), market.sample(blind, 2, 2_048)
    seen: list[Epoch] = []
    plan = Plan(50, seed=1, peak_learning_rate=1e-2, patience=2, batch=128, warm_up_steps=1)

    best = _fit(network, market.sample(blind, 1, 512), validation, plan, seen.append)

    assert [epoch.number for epoch in seen] == list(range(1, best.number + 3))
    assert len(seen) < 50
    assert best == min(seen, key=lambda epoch: epoch.validation_loss)
    assert training.score(network, validation).loss == best.validation_loss


def test_every_step_is_told() -> None:
    seen: list[Step] = []
    network, sample = networks.build("lightweight", 1), market.sample(EASY, 1, 300)

    epoch = training.Training(network, Plan(1, 1, 1e-3, batch=128)).advance(sample, sample, seen.append)

    assert [(step.epoch, step.done, step.steps) for step in seen] == [(1, 1, 3), (1, 2, 3), (1, 3, 3)]
    assert seen[-1].loss == epoch.loss


def test_building_a_network_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(8)
    expected = torch.rand(3)

    torch.manual_seed(8)
    networks.build("lightweight", seed=1)

    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^model is 'huge'; choose one of lightweight, baseline, enhanced\.$"):
        networks.build("huge", seed=1)


def test_the_weights_beside_the_onnx_file_are_those_of_the_network(tmp_path: Path) -> None:
    network = networks.build("enhanced", seed=4)

    export.write_weights(network, tmp_path / "model.pt")

    read = torch.load(tmp_path / "model.pt", weights_only=True)
    again = networks.Direction(networks.Size(**read["size"]))
    again.load_state_dict(read["weights"])
    windows = torch.from_numpy(market.sample(EASY, 1, 8).features)
    assert read["size"] == {"hidden": 128, "layers": 3, "attention": True}
    assert torch.equal(again(windows), network(windows))


@pytest.mark.parametrize("model", networks.SIZES)
def test_the_committed_weights_answer_as_the_committed_onnx_file_does(model: str) -> None:
    """Two runtimes serve them, and a rollout between the two must find nothing."""
    read = torch.load(ARTEFACTS / model / "model.pt", weights_only=True)
    network = networks.Direction(networks.Size(**read["size"]))
    network.load_state_dict(read["weights"])

    assert network.size == networks.SIZES[model]
    assert export.verify(network, ARTEFACTS / model / "model.onnx") <= 1e-5


def test_an_artefact_that_fails_its_check_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_text("the old one")
    network, law, data = networks.build("lightweight", 1), market.law(), {}
    trained = cards.Trained("lightweight", network, law, data, Plan(1, 1, 1e-3), 1, Epoch(1, 1, 1, 1), False, 1.0)
    monkeypatch.setattr(export, "TOLERANCE", -1.0)

    with pytest.raises(export.ExportError):
        artefacts.write(tmp_path, trained)

    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_text() == "the old one"
