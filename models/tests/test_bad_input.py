"""Requests that cannot be answered, to a real MLServer over HTTP: who hears what, which counter says so."""

import gzip
from typing import Any

import numpy as np
import pytest
from model_server import Server, tensor

pytestmark = pytest.mark.stack


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
    "a word in place of all data": (
        [tensor(data="up")],
        "value",
        "Input 'input_data' holds 'up', which is not a number; send finite numbers only.",
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


@pytest.mark.parametrize("batch", [1, 32])
def test_the_ends_of_the_batch_are_taken(model_server: Server, batch: int) -> None:
    (output,) = model_server.infer("baseline", tensor(batch)).json()["outputs"]

    assert (output["shape"], len(output["data"])) == ([batch, 1], batch)


def _body(data: str, datatype: str = "FP32", shape: str = "[1]") -> bytes:
    tensor = f'{{"name": "input_data", "datatype": "{datatype}", "shape": {shape}, "data": {data}}}'
    return f'{{"inputs": [{tensor}]}}'.encode()


NO_REQUESTS = {
    "half a body": b'{"inputs": [',
    "a body of bytes": bytes(range(256)),
    "an empty body": b"",
    "a list": b"[1, 2, 3]",
    "no inputs": b'{"windows": [[0.1]]}',
    "NaN, which JSON does not have": _body("[NaN]"),
    "a datatype that nobody knows": _body("[1]", datatype="FLOAT"),
    "a shape of words": _body("[1]", shape='["one"]'),
    "lists in lists without end": _body("[" * 100_000 + "]" * 100_000),
}


@pytest.mark.parametrize("situation", NO_REQUESTS)
def test_what_is_no_v2_request_is_refused_by_mlserver_and_counted_there(model_server: Server, situation: str) -> None:
    counted = {"method": "POST", "path": "/v2/models/{model_name}/infer", "status_code": "422"}
    before = model_server.find_metric("rest_server_requests_total", **counted) or 0

    answer = model_server.send("baseline", NO_REQUESTS[situation])

    assert (answer.status_code, bool(answer.json()["detail"])) == (422, True), answer.text
    assert model_server.metric("rest_server_requests_total", **counted) == before + 1
    assert model_server.infer("baseline", tensor()).status_code == 200


def test_a_model_that_is_not_there_is_404_and_counted_by_mlserver(model_server: Server) -> None:
    answers = [model_server.infer("nobody", tensor()) for _ in range(2)]

    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(404, "Model nobody not found")}
    assert model_server.metric("model_infer_request_failure_total", model="nobody") == 2
    assert model_server.infer("baseline", tensor()).status_code == 200


def test_a_body_of_megabytes_is_refused_and_the_server_goes_on(model_server: Server) -> None:
    windows = 2_000
    body = b'{"inputs": [{"name": "input_data", "datatype": "FP32", "shape": [%d, 10, 35], "data": [%s]}]}' % (
        windows,
        b"0.25," * (windows * 350 - 1) + b"0.25",
    )

    plain = model_server.send("baseline", body)
    packed = model_server.send("baseline", gzip.compress(body), Content_Encoding="gzip")

    sentence = "Input 'input_data' has a batch of 2000; send 1 to 32 windows in one request."
    assert [(answer.status_code, answer.json()) for answer in (plain, packed)] == [(400, {"error": sentence})] * 2
    assert model_server.infer("baseline", tensor()).status_code == 200
