"""The runtime behind a real MLServer, over HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
import pytest
from model_server import ARTEFACTS, Server, tensor

pytestmark = pytest.mark.stack

MODELS = sorted(file.parent.name for file in ARTEFACTS.glob("*/model.onnx"))


@pytest.mark.parametrize("batch", [1, 4, 32])
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_is_what_onnxruntime_computes(model_server: Server, model: str, batch: int) -> None:
    given = tensor(batch)
    windows = np.array(given["data"], dtype=np.float32).reshape(given["shape"])
    session = onnxruntime.InferenceSession(ARTEFACTS / model / "model.onnx", providers=["CPUExecutionProvider"])
    (expected,) = session.run(["probability"], {"input_data": windows})

    answer = model_server.infer(model, given)

    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("probability", "FP32", [batch, 1])
    np.testing.assert_allclose(output["data"], expected.ravel(), atol=1e-6)


def test_nested_data_is_the_same_as_flat_data(model_server: Server) -> None:
    flat = tensor(2)
    nested = tensor(2, data=np.reshape(flat["data"], (2, 10, 35)).tolist())

    answers = [model_server.infer("baseline", given).json()["outputs"] for given in (flat, nested)]

    assert answers[0] == answers[1]


def _with_value(value: Any) -> list[Any]:
    """Good data whose value at [0, 2, 3] is replaced."""
    data = tensor()["data"]
    data[2 * 35 + 3] = value
    return data


_SHAPES = "send one FP32 tensor 'input_data' of shape [batch, 10, 35] with batch 1 to 32"
REFUSED = {
    "no input at all": ([], "inputs", f"Input 'input_data' is missing, the request has []; {_SHAPES}."),
    "an input of another name": (
        [tensor(name="windows")],
        "inputs",
        f"Input 'input_data' is missing, the request has ['windows']; {_SHAPES}.",
    ),
    "one input too many": (
        [tensor(), tensor(name="more")],
        "inputs",
        f"The request has the inputs ['input_data', 'more']; {_SHAPES} and nothing else.",
    ),
    "another datatype": (
        [tensor(datatype="FP64")],
        "datatype",
        "Input 'input_data' has datatype FP64; send it as FP32.",
    ),
    "too few features": (
        [tensor(shape=[1, 10, 34], data=[0.0] * 340)],
        "shape",
        "Input 'input_data' has shape [1, 10, 34]; send [batch, 10, 35].",
    ),
    "no batch dimension": (
        [tensor(shape=[10, 35])],
        "shape",
        "Input 'input_data' has shape [10, 35]; send [batch, 10, 35].",
    ),
    "an empty batch": (
        [tensor(shape=[0, 10, 35], data=[])],
        "shape",
        "Input 'input_data' has a batch of 0; send 1 to 32 windows in one request.",
    ),
    "a batch too large": (
        [tensor(33)],
        "shape",
        "Input 'input_data' has a batch of 33; send 1 to 32 windows in one request.",
    ),
    "fewer values than the shape says": (
        [tensor(shape=[2, 10, 35])],
        "shape",
        "Input 'input_data' holds 350 values but its shape [2, 10, 35] needs 700; make data and shape agree.",
    ),
    "ragged rows": (
        [tensor(data=[[[0.0] * 35] * 9 + [[0.0] * 34]])],
        "shape",
        "Input 'input_data' has rows of unequal length; send flat data or nest it as its shape [1, 10, 35] says.",
    ),
    "a transposed window": (
        [tensor(data=np.zeros((1, 35, 10)).tolist())],
        "shape",
        "Input 'input_data' is nested as [1, 35, 10] but its shape is [1, 10, 35]; send flat data or nest it so.",
    ),
    "null, which is how JSON says NaN": (
        [tensor(data=_with_value(None))],
        "value",
        "Input 'input_data' holds None, which is not a number; send finite numbers only.",
    ),
    "text": (
        [tensor(data=_with_value("1.5"))],
        "value",
        "Input 'input_data' holds '1.5', which is not a number; send finite numbers only.",
    ),
    "a number beyond FP32": (
        [tensor(data=_with_value(1e39))],
        "value",
        "Input 'input_data' is 1e+39 at [0, 2, 3], which is no finite FP32 number; "
        "fill or drop such values before sending.",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_bad_input_is_refused_with_one_sentence_and_counted(model_server: Server, situation: str) -> None:
    given, reason, sentence = REFUSED[situation]
    counted = {"model": "baseline", "version": "", "reason": reason}
    before = model_server.metric("direction_bad_input_total", **counted)

    answer = model_server.infer("baseline", *given)

    assert (answer.status_code, answer.json()) == (400, {"error": sentence})
    assert model_server.metric("direction_bad_input_total", **counted) == before + 1


def test_a_set_delay_is_added_to_every_answer_of_that_model(model_server: Server) -> None:
    for given in (tensor(), tensor(datatype="FP64")):
        started = time.perf_counter()
        model_server.infer("slow", given)
        assert time.perf_counter() - started >= 0.120


def test_a_slow_model_keeps_no_other_model_waiting(model_server: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(model_server.infer, "crawling", tensor())
        while model_server.metric("rest_server_requests_in_progress", method="POST") < 1:
            assert not slow.done()

        answer = model_server.infer("baseline", tensor())

        assert (answer.status_code, slow.done()) == (200, False)
        assert slow.result().status_code == 200


def test_a_set_delay_is_seen_in_the_histogram(model_server: Server) -> None:
    def answered_within(edge: str) -> float:
        return model_server.metric("direction_predict_seconds_bucket", model="slow", le=edge)

    fast, all_answers = answered_within("0.1"), answered_within("+Inf")

    assert model_server.infer("slow", tensor()).status_code == 200

    assert (answered_within("0.1"), answered_within("+Inf")) == (fast, all_answers + 1)


def test_a_set_error_rate_fails_that_share_of_requests(model_server: Server) -> None:
    answers = [model_server.infer("erring", tensor()) for _ in range(200)]

    failed = [answer for answer in answers if answer.status_code != 200]
    # 60 expected, standard deviation 6.5; the seed makes the count the same in every run.
    assert 40 <= len(failed) <= 80
    sentence = "Model 'erring' is set to fail a share of 0.3 of its requests; unset 'error_rate' to cure it."
    assert {(answer.status_code, answer.json()["error"]) for answer in failed} == {(500, sentence)}


def test_a_reloaded_model_fails_on_the_same_requests_again(model_server: Server) -> None:
    def pattern() -> list[int]:
        assert model_server.load("erring").status_code == 200
        return [model_server.infer("erring", tensor()).status_code for _ in range(40)]

    first = pattern()

    assert pattern() == first
    assert set(first) == {200, 500}


def test_bad_input_of_an_erring_model_is_still_the_clients_fault(model_server: Server) -> None:
    assert {model_server.infer("erring", tensor(datatype="FP64")).status_code for _ in range(20)} == {400}


def test_unloading_and_loading_twice_leaves_all_models_answering(model_server: Server) -> None:
    for _ in range(2):
        assert model_server.unload("trend_3").status_code == 200
        assert model_server.infer("trend_3", tensor()).status_code == 404
        assert model_server.load("trend_3").status_code == 200
        assert [model_server.infer(name, tensor()).status_code for name in ("trend_3", "baseline")] == [200, 200]


def test_a_model_added_while_the_server_runs_counts_from_zero_before_its_first_request(model_server: Server) -> None:
    model_server.add("fresh_12", {})

    assert model_server.load("fresh_12").status_code == 200

    assert model_server.metric("direction_predict_seconds_count", model="fresh", version="12") == 0
    assert model_server.metric("direction_bad_input_total", model="fresh", version="12", reason="value") == 0


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
def test_nonsense_parameters_are_refused_at_load_and_the_others_go_on(model_server: Server, situation: str) -> None:
    extra, sentence = NONSENSE[situation]
    model_server.add("nonsense", extra)

    answer = model_server.load("nonsense")

    assert (answer.status_code, answer.json()) == (400, {"error": f"Model 'nonsense' cannot load: {sentence}"})
    assert model_server.infer("nonsense", tensor()).status_code == 404
    assert model_server.infer("baseline", tensor()).status_code == 200


def test_a_file_that_is_no_network_is_refused_at_load(model_server: Server) -> None:
    model_server.add("broken", {})
    (model_server.repository / "broken" / "model.onnx").write_bytes(b"not a network")

    answer = model_server.load("broken")

    assert answer.status_code == 400
    assert "is no direction model" in answer.json()["error"]
    assert model_server.infer("baseline", tensor()).status_code == 200
