"""The last nodes of every segmenter: the class of each pixel, and how sure the network is of it."""

import onnx

from models.export.graph import Graph
from models.spec import CONTRACTS

ACROSS = 1  # the axis of the classes in (B, C, H, W)


def emit_classes(graph: Graph, logits: str) -> None:
    """Declare the outputs of CONTRACTS["segment"] for a network with a number for each class.

    logits  (B, C, H, W) float32, before the soft-max; C <= 256

    `classes` is the greatest of the C, the first of them if several are; `scores` is 255 times
    the probability of that class, rounded.
    """
    classes = graph.add("ArgMax", [logits], {"axis": ACROSS, "keepdims": 0})
    across = graph.integers(ACROSS)
    # exp(most) / sum(exp): nothing overflows, and the soft-max of the other classes is not needed.
    most = graph.add("ReduceMax", [logits, across], {"keepdims": 1})
    below = graph.add("Exp", [graph.add("Sub", [logits, most])])
    sure = graph.add("Reciprocal", [graph.add("ReduceSum", [below, across], {"keepdims": 0})])
    _emit(graph, _bytes(graph, classes), sure)


def emit_binary(graph: Graph, logits: str, *, threshold: float) -> None:
    """Declare the outputs of CONTRACTS["segment"] for a network that tells one thing from the rest.

    logits     (B, 1, H, W) float32, before the sigmoid
    threshold  in [0, 1]: class 1 where the sigmoid is greater, else class 0

    `scores` is 255 times the probability of the class that was chosen, rounded: where it is 0, one
    minus the sigmoid. So the sigmoid can be had from both outputs, for another threshold.
    """
    there = graph.add("Squeeze", [graph.add("Sigmoid", [logits]), graph.integers(ACROSS)])
    chosen = graph.add("Greater", [there, graph.scalar(threshold)])
    absent = graph.add("Sub", [graph.scalar(1.0), there])
    sure = graph.add("Where", [chosen, there, absent])
    _emit(graph, _bytes(graph, chosen), sure)


def _emit(graph: Graph, classes: str, sure: str) -> None:
    """`classes` uint8 and `sure` float32 in [0, 1], both (B, H, W)."""
    grey = graph.add("Round", [graph.add("Mul", [sure, graph.scalar(255.0)])])
    values = {"classes": classes, "scores": _bytes(graph, grey)}
    for port in CONTRACTS["segment"].outputs:
        graph.output(port, values[port.name])


def _bytes(graph: Graph, value: str) -> str:
    return graph.add("Cast", [value], {"to": onnx.TensorProto.UINT8})
