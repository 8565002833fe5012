"""`python -m rolloutmodels.train`, as a person meets it."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make models` installs it beside the rest")

from rolloutmodels import artefacts, networks, train  # noqa: E402 - they import torch
from rolloutmodels.plans import DataSet  # noqa: E402

pytestmark = pytest.mark.torch

Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in an empty folder, with sets that are small enough to be quick; returns its exit code."""
    monkeypatch.chdir(tmp_path)
    for name in ("VALIDATION", "TEST", "STRESS"):
        monkeypatch.setattr(train, name, DataSet(getattr(train, name).seed, 2_048))
    return lambda line: train.main(["--samples", "1024", *line.split()])


def _files(folder: Path) -> dict[str, str]:
    """Checksums of all files in the folder and below it."""
    return {str(file): _sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_it_writes_a_whole_artefact(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--model lightweight --epochs 1 --out out") == 0

    said = capsys.readouterr().out
    assert "epoch 1: loss" in said
    assert "\r" not in said
    assert {file.name for file in (tmp_path / "out").iterdir()} == set(artefacts.FILES)
    assert (tmp_path / ".cache/training/lightweight/last.pt").is_file()
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["data"]["train"] == {"seed": 1, "samples": 1024}
    assert (card["training"]["epochs"], card["training"]["stopped_early"]) == (1, False)
    assert json.loads((tmp_path / "out/model-settings.json").read_text())["parameters"]["uri"] == "./model.onnx"


def test_all_models_are_trained_each_into_a_folder_of_its_own(command: Command, tmp_path: Path) -> None:
    assert command("--model all --epochs 1 --out out --checkpoints kept") == 0

    for model in networks.SIZES:
        assert json.loads((tmp_path / "out" / model / "card.json").read_text())["model"] == model
        assert (tmp_path / "kept" / model / "last.pt").is_file()


def test_all_models_go_on_where_they_were_stopped(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second of the three had not begun."""
    command("--model lightweight --epochs 2 --out out/lightweight --checkpoints kept/lightweight")
    before = _files(tmp_path / "kept/lightweight")
    capsys.readouterr()

    assert command("--model all --epochs 2 --out out --checkpoints kept --resume") == 0

    assert capsys.readouterr().out.count("epoch 1: loss") == 2
    assert _files(tmp_path / "kept/lightweight") == before
    assert (tmp_path / "out/enhanced/model.onnx").is_file()


def test_a_training_may_go_on_for_longer_than_was_planned(command: Command, tmp_path: Path) -> None:
    command("--model lightweight --epochs 1 --out longer")
    command("--model lightweight --epochs 3 --out longer --resume")
    command("--model lightweight --epochs 3 --out whole")

    for name in ("model.onnx", "model.pt"):
        assert _sha256(tmp_path / "longer" / name) == _sha256(tmp_path / "whole" / name)


def test_starting_afresh_leaves_nothing_to_go_on_from_by_mistake(command: Command, tmp_path: Path) -> None:
    command("--model lightweight --epochs 2 --out out")
    command("--model lightweight --epochs 1 --out out --seed 2")

    assert command("--model lightweight --epochs 1 --out out --seed 2 --resume") == 0
    assert json.loads((tmp_path / "out/card.json").read_text())["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("--model baseline", "c/last.pt is of a training with model 'lightweight', and this one has 'baseline'; "),
        ("--model lightweight --seed 2", "c/last.pt is of a training with seed 1, and this one has 2; "),
        ("--model lightweight --samples 512", "c/last.pt is of a training with samples 1024, and this one has 512; "),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_nothing_is_overwritten(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, sentence: str
) -> None:
    command("--model lightweight --epochs 1 --checkpoints c --out out")
    before = _files(tmp_path)

    assert command(f"{asked} --checkpoints c --out out --resume") == 2

    said = capsys.readouterr().err
    assert said.startswith(f"error: Checkpoint {sentence}")
    assert said.count("\n") == 1
    assert _files(tmp_path) == before


def test_a_missing_checkpoint_is_refused(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--model lightweight --resume --out out") == 2

    expected = (
        "error: There is no checkpoint .cache/training/lightweight/last.pt to go on from; start without --resume.\n"
    )
    assert capsys.readouterr().err == expected
    assert _files(tmp_path) == {}


def test_a_folder_that_cannot_be_written_loses_no_training(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").touch()

    assert command("--model lightweight --epochs 1 --out out") == 2
    assert capsys.readouterr().err == "error: [Errno 17] File exists: 'out'\n"

    assert command("--model lightweight --epochs 1 --out elsewhere --resume") == 0
    assert "epoch 1:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (f"--seed {train.TEST.seed}", "is the seed of validation, test or stress data; choose another."),
        ("--epochs 0", "'0' is no whole number of 1 or more"),
        ("--patience two", "'two' is no whole number of 1 or more"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    command: Command, capsys: pytest.CaptureFixture[str], asked: str, sentence: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command(f"--model lightweight {asked}")

    assert sentence in capsys.readouterr().err


def _process(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "rolloutmodels.train", "--model", "lightweight", "--samples", "1024", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(line, cwd=folder, preexec_fn=_hear_interrupts, **pipes)


def _hear_interrupts() -> None:
    """What a shell starts in the background inherits a deaf ear for Ctrl-C; a person's terminal has none."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_says_how_to_go_on_and_going_on_gives_the_same_files(tmp_path: Path) -> None:
    with _process(tmp_path, "--epochs", "500", "--patience", "500", "--out", "stopped") as stopped:
        assert stopped.stdout is not None
        while not stopped.stdout.readline().startswith("  epoch 2:"):
            assert stopped.poll() is None
        stopped.send_signal(signal.SIGINT)
        _, said = stopped.communicate(timeout=300)

    again = "--model lightweight --samples 1024 --epochs 500 --patience 500 --out stopped --resume"
    assert stopped.returncode == 130
    assert said.strip() == f"Stopped. Go on with: python -m rolloutmodels.train {again}"
    assert not (tmp_path / "stopped").exists()

    done = torch.load(tmp_path / ".cache/training/lightweight/last.pt", weights_only=True)["state"]["epochs"]
    asked = ("--epochs", str(len(done) + 2), "--patience", "500")
    for rest in (("--out", "resumed", "--resume"), ("--out", "whole", "--checkpoints", "other")):
        with _process(tmp_path, *asked, *rest) as process:
            _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said

    for name in ("model.onnx", "model.pt"):
        assert _sha256(tmp_path / "resumed" / name) == _sha256(tmp_path / "whole" / name)
