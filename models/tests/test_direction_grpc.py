"""The runtime behind a real MLServer, over gRPC."""

import grpc
import numpy as np
import pytest
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from model_server import Server, tensor

pytestmark = pytest.mark.stack


def _request(model: str, windows: np.ndarray, name: str = "input_data", datatype: str = "FP32") -> pb.ModelInferRequest:
    contents = pb.InferTensorContents(**{f"{datatype.lower()}_contents": windows.ravel().tolist()})
    given = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=windows.shape, contents=contents)
    return pb.ModelInferRequest(model_name=model, inputs=[given])


def _infer(server: Server, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    with grpc.insecure_channel(server.grpc_address) as channel:
        return GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=180)


def test_grpc_and_http_give_the_same_answer(model_server: Server) -> None:
    given = tensor(4)
    windows = np.array(given["data"], np.float32).reshape(given["shape"])

    (output,) = _infer(model_server, _request("baseline", windows)).outputs

    assert (output.name, list(output.shape)) == ("probability", [4, 1])
    over_http = model_server.infer("baseline", given).json()["outputs"][0]["data"]
    np.testing.assert_allclose(output.contents.fp32_contents, over_http, atol=1e-6)


ONE = np.full((1, 10, 35), 0.5, np.float32)
REFUSED = {
    "another shape": (
        _request("baseline", ONE[:, :, :34]),
        "shape",
        "Input 'input_data' has shape [1, 10, 34]; send [batch, 10, 35].",
    ),
    "another datatype": (
        _request("baseline", ONE, datatype="FP64"),
        "datatype",
        "Input 'input_data' has datatype FP64; send it as FP32.",
    ),
    "NaN, which gRPC can carry": (
        _request("baseline", ONE * np.nan),
        "value",
        "Input 'input_data' is nan at [0, 0, 0], which is no finite FP32 number; "
        "fill or drop such values before sending.",
    ),
    "infinity": (
        _request("baseline", ONE * -np.inf),
        "value",
        "Input 'input_data' is -inf at [0, 0, 0], which is no finite FP32 number; "
        "fill or drop such values before sending.",
    ),
}


@pytest.mark.parametrize("situation", REFUSED)
def test_bad_input_is_an_invalid_argument_and_counted(model_server: Server, situation: str) -> None:
    request, reason, sentence = REFUSED[situation]
    counted = {"model": "baseline", "version": "", "reason": reason}
    before = model_server.metric("direction_bad_input_total", **counted)

    with pytest.raises(grpc.RpcError) as refused:
        _infer(model_server, request)

    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, sentence)
    assert model_server.metric("direction_bad_input_total", **counted) == before + 1


def test_a_model_that_is_not_there_is_not_found(model_server: Server) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        _infer(model_server, _request("nowhere", ONE))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert model_server.metric("model_infer_request_failure_total", model="nowhere") == 1


def test_a_set_failure_is_internal(model_server: Server) -> None:
    model_server.add("failing", {"error_rate": "1"})
    assert model_server.load("failing").status_code == 200

    with pytest.raises(grpc.RpcError) as refused:
        _infer(model_server, _request("failing", ONE))

    assert refused.value.code() is grpc.StatusCode.INTERNAL


NO_REQUESTS = {
    "a datatype that nobody knows": (
        pb.ModelInferRequest(
            model_name="baseline",
            inputs=[pb.ModelInferRequest.InferInputTensor(name="input_data", datatype="FLOAT", shape=[1, 10, 35])],
        ),
        grpc.StatusCode.INTERNAL,
    ),
    "fewer raw bytes than the shape says": (
        pb.ModelInferRequest(
            model_name="baseline",
            inputs=[pb.ModelInferRequest.InferInputTensor(name="input_data", datatype="FP32", shape=[1, 10, 35])],
            raw_input_contents=[b"1234"],
        ),
        grpc.StatusCode.INTERNAL,
    ),
    "a message of more than 4 MB": (
        _request("baseline", np.zeros((3_000, 10, 35))),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ),
}


@pytest.mark.parametrize("situation", NO_REQUESTS)
def test_what_mlserver_itself_cannot_read_stops_nothing(model_server: Server, situation: str) -> None:
    request, code = NO_REQUESTS[situation]

    with pytest.raises(grpc.RpcError) as refused:
        _infer(model_server, request)

    assert refused.value.code() is code
    assert len(_infer(model_server, _request("baseline", ONE)).outputs) == 1


def test_a_load_that_fails_is_a_failed_precondition(model_server: Server) -> None:
    (model_server.add("grpc-empty", {}) / "model.onnx").unlink()

    with pytest.raises(grpc.RpcError) as refused, grpc.insecure_channel(model_server.grpc_address) as channel:
        GRPCInferenceServiceStub(channel).RepositoryModelLoad(
            pb.RepositoryModelLoadRequest(model_name="grpc-empty"), timeout=180
        )

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "there is no file './model.onnx'" in refused.value.details()
    assert model_server.metric("direction_load_failed_total", model="grpc-empty", reason="missing") == 1


def test_labels_come_over_grpc_too(model_server: Server) -> None:
    def column(name: str, datatype: str, **contents: list[object]) -> pb.ModelInferRequest.InferInputTensor:
        return pb.ModelInferRequest.InferInputTensor(
            name=name, datatype=datatype, shape=[2], contents=pb.InferTensorContents(**contents)
        )

    given = [
        column("model", "BYTES", bytes_contents=[b"by-grpc_4", b"by-grpc_4"]),
        column("predicted", "INT64", int64_contents=[1, 0]),
        column("actual", "INT64", int64_contents=[1, 1]),
        column("age_seconds", "FP64", fp64_contents=[0.5, 90.0]),
    ]

    answer = _infer(model_server, pb.ModelInferRequest(model_name="feedback", inputs=given))

    assert list(answer.outputs[0].contents.int64_contents) == [1, 1]
    arm = {"model": "by-grpc", "model_version": "4"}
    assert model_server.metric("model_predictions_labelled_total", **arm) == 2
    assert model_server.metric("model_predictions_correct_total", **arm) == 1
    assert model_server.metric("model_prediction_age_seconds_sum", **arm) == 90.5
