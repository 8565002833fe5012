"""ONNX files that no training would leave behind."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write(
    file: Path,
    *operations: str,
    windows: tuple[str | int, ...] = ("batch", 10, 35),
    name: str = "input_data",
    output: str = "probability",
) -> None:
    """The first feature of the last step, after those operations of one argument."""
    last, first = windows[1] - 1, 0
    constants = {"last": [last], "first": [first], "one": [1], "axis_1": [1], "axis_2": [2]}
    nodes = [
        helper.make_node("Slice", [name, "last", "after", "axis_1"], ["step"]),
        helper.make_node("Slice", ["step", "first", "one", "axis_2"], ["feature"]),
        helper.make_node("Squeeze", ["feature", "axis_2"], ["value_0"]),
    ]
    constants["after"] = [last + 1]
    nodes += [
        helper.make_node(operation, [f"value_{place}"], [f"value_{place + 1}"])
        for place, operation in enumerate(operations)
    ]
    nodes.append(helper.make_node("Identity", [f"value_{len(operations)}"], [output]))
    graph = helper.make_graph(
        nodes,
        "by-hand",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(windows))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 1])],
        [helper.make_tensor(key, TensorProto.INT64, [1], value) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
