"""The runtime behind a real MLServer, over HTTP."""

import time
from concurrent.futures import ThreadPoolExecutor

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


def test_a_set_delay_is_added_to_every_answer_of_that_model(model_server: Server) -> None:
    for given in (tensor(), tensor(datatype="FP64")):
        started = time.perf_counter()
        model_server.infer("slow", given)
        assert time.perf_counter() - started >= 0.120


def test_a_slow_model_keeps_no_other_model_waiting(model_server: Server) -> None:
    def timed(model: str) -> float:
        assert model_server.infer(model, tensor()).status_code == 200
        return time.perf_counter()

    def seconds_ahead() -> float:
        """How long before the slow model's answer that of another came, which was asked for later."""
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(timed, "crawling")
            while model_server.metric("rest_server_requests_in_progress", method="POST") < 1 and not slow.done():
                pass
            answered = timed("baseline")
            return slow.result() - answered

    # A machine that stands still lets both come at once; a model that keeps others waiting does so each time.
    assert any(seconds_ahead() > 1 for _ in range(5))


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
