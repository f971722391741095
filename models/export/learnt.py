"""Where the learnt part of a graph ends, and its post-processing begins."""

import onnx

LEARNT = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM"})
"""Operators with weights."""

CARRYING = {"RoiAlign": 1, "Gather": 1, "GatherND": 1}
"""How many inputs of an operator, the first, hold values; the others say where to look."""


def behind_the_weights(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that lead to no learnt layer: the post-processing."""
    leading: set[str] = set()
    behind = []
    for node in reversed(graph.node):
        if node.op_type in LEARNT or any(name in leading for name in node.output):
            leading.update(node.input[: CARRYING.get(node.op_type, len(node.input))])
        else:
            behind.append(node.name)
    return behind
