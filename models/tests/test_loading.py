"""Models that cannot be served: refused when a real MLServer loads them, while the others go on."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks_by_hand
import pytest
from model_server import Server, tensor

pytestmark = pytest.mark.stack

CURE = "train one with `make models`."
TAKES = "input_data tensor(float) [batch, 10, 35]"
TORCH = {"implementation": "rolloutmodels.torch_runtime.TorchDirectionRuntime"}


NONSENSE = {
    "a word as delay": (
        {"delay_ms": "fast"},
        "Parameter 'delay_ms' is 'fast'; set milliseconds from 0 to 60000.",
    ),
    "a share above one": ({"error_rate": "15"}, "Parameter 'error_rate' is '15'; set a share from 0 to 1."),
    "a misspelt name": (
        {"delay": "10"},
        "Parameter 'delay' is unknown; use delay_ms, error_rate, fault_seed or remove it.",
    ),
}


@pytest.mark.parametrize("situation", NONSENSE)
def test_nonsense_parameters_are_refused(model_server: Server, situation: str) -> None:
    extra, sentence = NONSENSE[situation]
    model_server.add("nonsense", extra)

    assert model_server.refusal_to_load("nonsense", "parameters") == f"Model 'nonsense' cannot load: {sentence}"
    assert model_server.infer("nonsense", tensor()).status_code == 404


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20_000])


UNREADABLE: dict[str, Callable[[Path], Any]] = {
    "text": lambda file: file.write_bytes(b"not a network"),
    "half a file": _cut,
    "an empty file": lambda file: file.write_bytes(b""),
}


@pytest.mark.parametrize("situation", UNREADABLE)
def test_a_broken_file_is_refused(model_server: Server, situation: str) -> None:
    file = model_server.add("broken", {}) / "model.onnx"
    UNREADABLE[situation](file)

    sentence = model_server.refusal_to_load("broken", "unreadable")

    assert sentence.startswith(f"Model 'broken' cannot load: '{file}' is no ONNX file that can be read (")
    assert sentence.endswith(f"); {CURE}")
    assert model_server.infer("broken", tensor()).status_code == 404


def test_a_missing_file_is_refused(model_server: Server) -> None:
    (model_server.add("empty", {}) / "model.onnx").unlink()

    assert model_server.refusal_to_load("empty", "missing") == (
        "Model 'empty' cannot load: there is no file './model.onnx' beside model-settings.json; "
        "put it there, or correct 'parameters.uri'."
    )


def test_a_uri_may_name_the_folder(model_server: Server) -> None:
    model_server.add("folder", {}, parameters={"uri": "."})

    assert model_server.load("folder").status_code == 200
    assert model_server.infer("folder", tensor()).status_code == 200


STRANGERS: dict[str, tuple[dict[str, Any], str]] = {
    "fewer features": (
        {"windows": ("batch", 10, 34)},
        f"takes input_data tensor(float) [batch, 10, 34] where {TAKES} is needed",
    ),
    "one window at a time": (
        {"windows": (1, 10, 35)},
        f"takes input_data tensor(float) [1, 10, 35] where {TAKES} is needed",
    ),
    "an input of another name": (
        {"name": "windows"},
        f"takes windows tensor(float) [batch, 10, 35] where {TAKES} is needed",
    ),
    "an output of another name": (
        {"output": "logit"},
        "gives logit tensor(float) [batch, 1] where probability tensor(float) [batch, 1] is needed",
    ),
}


@pytest.mark.parametrize("situation", STRANGERS)
def test_a_network_for_something_else_is_refused(model_server: Server, situation: str) -> None:
    shape, found = STRANGERS[situation]
    file = model_server.add("stranger", {}) / "model.onnx"
    networks_by_hand.write(file, "Sigmoid", **shape)

    assert (
        model_server.refusal_to_load("stranger", "architecture")
        == f"Model 'stranger' cannot load: '{file}' {found}; {CURE}"
    )


def test_a_network_that_computes_no_probability_is_refused(model_server: Server) -> None:
    file = model_server.add("absurd", {}) / "model.onnx"
    networks_by_hand.write(file, "Log", "Abs")  # the logarithm of zero

    assert model_server.refusal_to_load("absurd", "output") == (
        f"Model 'absurd' cannot load: '{file}' answers windows of zeros with inf, which is no probability; {CURE}"
    )


@pytest.mark.parametrize(("feature", "value"), [(-4.0, "nan"), (4.0, "2")])
def test_an_answer_that_is_no_probability_is_an_error_and_counted(
    model_server: Server, feature: float, value: str
) -> None:
    networks_by_hand.write(model_server.add("sick", {}) / "model.onnx", "Sqrt")
    assert model_server.load("sick").status_code == 200
    before = model_server.metric("direction_bad_output_total", model="sick", version="")

    healthy = model_server.infer("sick", tensor(data=[0.25] * 350))
    answer = model_server.infer("sick", tensor(2, data=[0.25] * 350 + [feature] * 350))

    assert healthy.json()["outputs"][0]["data"] == [0.5]
    sentence = (
        f"Model 'sick' computed {value}, which is no probability; go back to a version that works, or train it again."
    )
    assert (answer.status_code, answer.json()) == (500, {"error": sentence})
    assert model_server.metric("direction_bad_output_total", model="sick", version="") == before + 1


def test_a_model_answers_on_when_its_next_file_is_broken(model_server: Server) -> None:
    file = model_server.add("steady", {}) / "model.onnx"
    assert model_server.load("steady").status_code == 200
    answered = model_server.infer("steady", tensor()).json()["outputs"]

    file.write_bytes(b"not a network")
    model_server.refusal_to_load("steady", "unreadable")

    assert model_server.infer("steady", tensor()).json()["outputs"] == answered


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is not None, reason="torch is installed here, so it is not missed"
)
def test_a_server_without_torch_says_what_it_lacks(model_server: Server) -> None:
    file = model_server.add("torchless", {}, parameters={"uri": "./model.pt"}, **TORCH) / "model.pt"
    file.touch()

    assert model_server.refusal_to_load("torchless", "library") == (
        f"Model 'torchless' cannot load: '{file}' needs torch, which cannot be imported (No module named 'torch'); "
        "install torch, or serve model.onnx with rolloutmodels.runtime.DirectionRuntime."
    )
