"""An ONNX file of a user's own, with what is said of it beside it."""

from pathlib import Path

import onnx
from onnx import helper


def own_model(path: Path, graph: onnx.GraphProto, told: str) -> None:
    """Write a graph as `path`, and `told`, YAML, as its sidecar."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".yaml").write_text(told)
