"""The torch runtime behind a real MLServer: the same answers as the ONNX runtime, and files it refuses."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_server import ARTEFACTS, Server, tensor

pytest.importorskip("mlserver", reason="MLServer is not installed here; this needs it beside torch")
torch = pytest.importorskip("torch", reason="torch is not installed here; this needs it beside MLServer")

from rolloutmodels import export, networks  # noqa: E402 - they import torch

pytestmark = [pytest.mark.stack, pytest.mark.torch]

TORCH = {"implementation": "rolloutmodels.torch_runtime.TorchDirectionRuntime", "parameters": {"uri": "./model.pt"}}
CURE = "train one with `make models`."
TRAINED = sorted(file.parent.name for file in ARTEFACTS.glob("*/model.pt"))


def _content(size: networks.Size, seed: int = 3) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {"size": asdict(size), "weights": networks.Direction(size).state_dict()}


def _probabilities(server: Server, model: str, batch: int) -> list[float]:
    answer = server.infer(model, tensor(batch, seed=batch))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["outputs"][0]["data"])


@pytest.mark.parametrize("model", networks.SIZES)
def test_torch_and_onnx_give_the_same_answers(model_server: Server, model: str) -> None:
    network = networks.build(model, seed=11)
    export.write_weights(network, model_server.add("by-torch", {}, **TORCH) / "model.pt")
    export.write(network, model_server.add("by-onnx", {}) / "model.onnx")
    assert [model_server.load(name).status_code for name in ("by-torch", "by-onnx")] == [200, 200]

    for batch in (1, 4, 32):
        by_torch, by_onnx = (_probabilities(model_server, name, batch) for name in ("by-torch", "by-onnx"))
        assert len(by_torch) == batch
        np.testing.assert_allclose(by_torch, by_onnx, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", TRAINED)
def test_a_trained_artefact_answers_the_same_by_either_runtime(model_server: Server, model: str) -> None:
    model_server.add(f"{model}-by-torch", {}, source=model, **TORCH)
    assert model_server.load(f"{model}-by-torch").status_code == 200

    by_torch, by_onnx = (_probabilities(model_server, name, 32) for name in (f"{model}-by-torch", model))

    np.testing.assert_allclose(by_torch, by_onnx, rtol=0, atol=1e-5)


def test_faults_bad_input_and_metrics_are_those_of_the_other_runtime(model_server: Server) -> None:
    folder = model_server.add("torch-sick_4", {"error_rate": "1"}, **TORCH)
    torch.save(_content(networks.SIZES["lightweight"]), folder / "model.pt")
    assert model_server.load("torch-sick_4").status_code == 200

    answers = [model_server.infer("torch-sick_4", tensor()), model_server.infer("torch-sick_4", tensor(33))]

    assert [answer.status_code for answer in answers] == [500, 400]
    labels = {"model": "torch-sick", "version": "4"}
    assert model_server.metric("direction_predict_seconds_count", **labels) == 1
    assert model_server.metric("direction_bad_input_total", **labels, reason="shape") == 1


def test_it_may_be_loaded_again_while_it_serves(model_server: Server) -> None:
    folder = model_server.add("torch-again", {}, **TORCH)
    answers = []
    for seed in (1, 2, 1):
        torch.save(_content(networks.SIZES["baseline"], seed), folder / "model.pt")
        assert model_server.load("torch-again").status_code == 200
        answers.append(_probabilities(model_server, "torch-again", 1))

    assert answers[0] == answers[2] != answers[1]


SIZE = networks.Size(hidden=8, layers=1)


def _other_weights(**changes: Any) -> dict[str, Any]:
    content = _content(SIZE)
    return content | {"weights": content["weights"] | changes}


def _without(name: str) -> dict[str, Any]:
    content = _content(SIZE)
    return content | {"weights": {key: value for key, value in content["weights"].items() if key != name}}


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "weights of a larger network": (
        lambda: _content(networks.Size(16, 1)) | {"size": asdict(SIZE)},
        "architecture",
        f"holds weights of another network than its {SIZE}: 'lstm.weight_ih_l0' is [64, 35] and not [32, 35]",
    ),
    "a weight missing": (
        lambda: _without("head.2.bias"),
        "architecture",
        f"holds weights of another network than its {SIZE}: 'head.2.bias' is missing",
    ),
    "attention where there is none": (
        lambda: _content(networks.Size(8, 1, attention=True)) | {"size": asdict(SIZE)},
        "architecture",
        f"holds weights of another network than its {SIZE}: 'head.0.weight' is [4, 16] and not [4, 8]",
    ),
    "a weight too many": (
        lambda: _other_weights(more=torch.zeros(1)),
        "architecture",
        f"holds weights of another network than its {SIZE}: 'more' is one too many",
    ),
    "weights alone": (
        lambda: _content(SIZE)["weights"],
        "architecture",
        "holds the keys ['head.0.bias', 'head.0.weight', 'head.2.bias'] where 'size' and 'weights' are needed",
    ),
    "a list": (
        lambda: [1, 2],
        "architecture",
        "holds a value of type list where 'size' and 'weights' are needed",
    ),
    "a size that would take all memory": (
        lambda: _content(SIZE) | {"size": {"hidden": 10**6, "layers": 1, "attention": False}},
        "architecture",
        "has the size {'hidden': 1000000, 'layers': 1, 'attention': False} where hidden (2 to 4096), "
        "layers (1 to 32) and attention (true or false) are needed",
    ),
    "weights that are NaN": (
        lambda: _other_weights(**{"head.2.bias": torch.tensor([float("nan")])}),
        "output",
        "answers windows of zeros with nan, which is no probability",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_a_checkpoint_of_another_network_is_refused(model_server: Server, situation: str) -> None:
    content, reason, found = REFUSED[situation]
    file = model_server.add("torch-stranger", {}, **TORCH) / "model.pt"
    torch.save(content(), file)

    sentence = model_server.refusal_to_load("torch-stranger", reason)

    assert sentence == f"Model 'torch-stranger' cannot load: '{file}' {found}; {CURE}"


class _Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this must never run",))


def _cut(file: Path) -> None:
    torch.save(_content(SIZE), file)
    file.write_bytes(file.read_bytes()[:1_000])


UNREADABLE: dict[str, Callable[[Path], Any]] = {
    "text": lambda file: file.write_bytes(b"not a network"),
    "half a file": _cut,
    "an empty file": lambda file: file.write_bytes(b""),
    "a file that runs code": lambda file: torch.save(_Malicious(), file),
}


@pytest.mark.parametrize("situation", UNREADABLE)
def test_a_broken_file_is_refused(model_server: Server, situation: str) -> None:
    file = model_server.add("torch-broken", {}, **TORCH) / "model.pt"
    UNREADABLE[situation](file)

    sentence = model_server.refusal_to_load("torch-broken", "unreadable")

    assert sentence.startswith(f"Model 'torch-broken' cannot load: '{file}' is no file of weights that can be read (")
    assert sentence.endswith(f"); {CURE}")
    assert "this must never run" not in model_server.repository.with_suffix(".log").read_text()
