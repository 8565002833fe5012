"""A training that stops goes on as if it never had, or says why it cannot."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make models` installs it beside the rest")

from rolloutmodels import checkpoints, market, networks, training  # noqa: E402 - they import torch
from rolloutmodels.checkpoints import Checkpoint, CheckpointError  # noqa: E402
from rolloutmodels.plans import Plan  # noqa: E402

pytestmark = pytest.mark.torch

TRAIN = market.sample(market.law(), seed=1, samples=600)
VALIDATION = market.sample(market.law(), seed=2, samples=200)
IDENTITY = {"model": "lightweight", "hidden": 32, "seed": 5}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _begun(epochs: int, model: str = "lightweight") -> training.Training:
    plan = Plan(epochs, seed=5, peak_learning_rate=4e-3, patience=9, batch=128, warm_up_steps=7)
    return training.Training(networks.build(model, seed=5), plan)


def _advance(begun: training.Training) -> training.Training:
    while not begun.is_over:
        begun.advance(TRAIN, VALIDATION, lambda _: None)
    return begun


def _weights(state: dict[str, Any]) -> dict[str, bytes]:
    return {name: weight.numpy().tobytes() for name, weight in state.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The checkpoint of a training that has done one of its epochs."""
    done = _advance(_begun(1))
    checkpoints.write(tmp_path / "last.pt", Checkpoint(IDENTITY, done.state(), cpu_seconds=12.5))
    return tmp_path / "last.pt"


def test_a_resumed_training_ends_at_the_same_bits(file: Path) -> None:
    whole, resumed = _advance(_begun(3)), _begun(3)

    seconds = checkpoints.resume(file, resumed, IDENTITY)
    _advance(resumed)

    assert seconds == 12.5
    assert resumed.epochs == whole.epochs
    assert _weights(resumed.network.state_dict()) == _weights(whole.network.state_dict())
    assert _weights(resumed.finish().state_dict()) == _weights(whole.finish().state_dict())


def test_the_best_epoch_survives_even_when_none_after_it_is_better(tmp_path: Path) -> None:
    """So few windows are soon learned by heart, which helps with no others."""
    plan = Plan(epochs=50, seed=5, peak_learning_rate=1e-2, patience=2, batch=128, warm_up_steps=1, cooling=1.0)
    begun, resumed = (training.Training(networks.build("lightweight", 5), plan) for _ in range(2))
    _advance(begun)
    assert begun.has_stalled

    checkpoints.write(tmp_path / "last.pt", Checkpoint({}, begun.state(), 0.0))
    checkpoints.resume(tmp_path / "last.pt", resumed, {})

    assert resumed.best == begun.best
    assert training.score(resumed.finish(), VALIDATION).loss == begun.best.validation_loss


def test_a_crash_while_writing_leaves_the_checkpoint_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", crash)

    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(file, Checkpoint(IDENTITY, _advance(_begun(2)).state(), 20.0))

    assert file.read_bytes() == before


def _halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _change_a_weight(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def _write_foreign(file: Path) -> None:
    torch.save({"size": {"hidden": 32}, "weights": {}}, file)


def _write_another_object(file: Path) -> None:
    """What `weights_only` is there to refuse: loading it would run what the file says."""
    torch.save({"format": 1, "state": Path()}, file)


def _drop_the_optimizer(file: Path) -> None:
    content = torch.load(file, weights_only=True)
    del content["state"]["optimizer"]
    torch.save(content, file)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "harm", [_empty, _halve, _change_a_weight, _write_foreign, _write_another_object, _drop_the_optimizer]
)
def test_a_damaged_checkpoint_is_told_from_a_whole_one(file: Path, harm: Callable[[Path], None]) -> None:
    harm(file)

    sentence = r"^Checkpoint .*last\.pt is damaged \(.+\); start again without --resume\.$"
    with pytest.raises(CheckpointError, match=sentence):
        checkpoints.resume(file, _begun(2), IDENTITY)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^There is no checkpoint .*last\.pt to go on from; start without"):
        checkpoints.resume(tmp_path / "last.pt", _begun(2), IDENTITY)


def test_another_training_is_told_by_the_first_field_that_differs(file: Path) -> None:
    sentence = r"last\.pt is of a training with hidden 32, and this one has 64; go on with hidden 32, or start"

    with pytest.raises(CheckpointError, match=sentence):
        checkpoints.resume(file, _begun(2, "baseline"), {**IDENTITY, "hidden": 64, "seed": 6})
