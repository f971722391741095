"""Writes what was learnt: an ONNX file by the contract of its task, and its sidecar beside it."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import yaml
from onnx import helper, numpy_helper

from models.export.classes import emit_probabilities
from models.export.graph import Graph
from models.export.keras_emitter import Emitter, Value
from models.export.keras_graph import EMITTERS, emit
from models.export.yolo import Head, emit_head
from models.files import written_whole
from models.spec import CONTRACTS, Input, ModelSpec, Port
from models.transfer import values

# What a box has to score before it is reported: `obj_threshold` of keras-yolo2's utils.py, since
# there and here a score is learnt to be the overlap, and 0.5 would be asking much. And from which
# overlap on a box is one with another: `nms` of darknet's examples/detector.c.
SCORE_THRESHOLD, IOU_THRESHOLD = 0.3, 0.45
SMALL = 1024  # numbers: an array with fewer is not worth the node that turns it back

Finish = Callable[[Graph, str], None]
"""From the value that the network gives to the outputs of the task's contract."""


def write(
    network: keras.Model,
    spec: ModelSpec,
    finish: Finish,
    folder: Path,
    *,
    mirror: bool,
    halves: bool,
) -> Path:
    """Write NAME.onnx and NAME.yaml, which `framewire run` opens by the path of the first.

    mirror   as in `draw`
    halves   large weights are kept as float16
    returns  the path of the ONNX file
    """
    graph = draw(network, spec, finish, mirror=mirror)
    model = graph.model({"name": spec.name, "licence": spec.licence, "source": spec.source})
    file = folder / f"{spec.name}.onnx"
    with written_whole(file) as part:
        part.write_bytes((in_halves(model) if halves else model).SerializeToString())
    with written_whole(file.with_suffix(".yaml")) as part:
        part.write_text(_sidecar(spec), "utf-8")
    return file


def draw(network: keras.Model, spec: ModelSpec, finish: Finish, *, mirror: bool) -> Graph:
    """The graph of a network and its outputs.

    mirror  it sees every picture and its mirror image, and the mean is what it says
    """
    graph = Graph(spec.name)
    image = graph.image(spec.input)
    if mirror:
        image = _with_mirror_image(graph, image)
    (value,) = emit(graph, network, values(network), [image])
    if mirror:
        value = _mean_of_both(graph, value, int(network.output_shape[-1]))
    finish(graph, value)
    return graph


def classes(labels: tuple[str, ...]) -> Finish:
    """Of a classifier whose network gives probabilities."""
    return lambda graph, value: emit_probabilities(graph, value, len(labels), len(labels))


def boxes(head: Head) -> Finish:
    """Of a detector."""
    return lambda graph, value: emit_head(
        graph, value, head, score_threshold=SCORE_THRESHOLD, iou_threshold=IOU_THRESHOLD
    )


def masks(size: tuple[int, int]) -> Finish:
    """Of a segmenter whose network gives a probability for each class of each pixel."""

    def finish(graph: Graph, value: str) -> None:
        likely = graph.add("ArgMax", [value], {"axis": 1, "keepdims": 0})
        likely = graph.add("Cast", [likely], {"to": onnx.TensorProto.UINT8})
        (port, *_) = CONTRACTS["segment"].outputs
        graph.output(Port(port.name, port.dtype, ("B", *size)), likely)

    return finish


def in_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its large float32 weights kept as float16, and turned back when it is
    opened: ONNX Runtime computes nodes of constants once.
    """
    for constant in list(model.graph.initializer):
        array = numpy_helper.to_array(constant)
        if array.dtype == np.float32 and array.size >= SMALL:
            name = f"{constant.name}_half"
            half = numpy_helper.from_array(array.astype(np.float16), name)
            cast = helper.make_node(
                "Cast", [name], [constant.name], to=onnx.TensorProto.FLOAT, name=f"Cast_{name}"
            )
            model.graph.initializer.remove(constant)
            model.graph.initializer.append(half)
            model.graph.node.insert(0, cast)
    onnx.checker.check_model(model, full_check=True)
    return model


def _with_mirror_image(graph: Graph, image: str) -> str:
    """(2B, 3, H, W): the pictures, then each from right to left."""
    last = np.iinfo(np.int64).min
    mirrored = graph.add("Slice", [image, *(graph.integers(n) for n in (-1, last, 3, -1))])
    return graph.add("Concat", [image, mirrored], {"axis": 0})


def _mean_of_both(graph: Graph, value: str, width: int) -> str:
    """(B, width) from (2B, width)."""
    pairs = graph.add("Reshape", [value, graph.integers(2, -1, width)])
    return graph.add("ReduceMean", [pairs, graph.integers(0)], {"keepdims": 0})


def _sidecar(spec: ModelSpec) -> str:
    picture: Input = spec.input
    told = {
        "task": spec.task,
        # The graph itself wants its channels in this order.
        "input": {
            "width": picture.width,
            "height": picture.height,
            "order": picture.order,
            "fit": picture.fit,
        },
        "labels": list(spec.labels),
        "licence": spec.licence,
        "source": spec.source,
    }
    return str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True))


def unit(emitter: Emitter, _layer: keras.Layer, value: Value) -> Value:
    """Vectors of length 1. Keras divides by the root of what is at least 1e-12; so does this."""
    graph = emitter.graph
    squares = graph.add("ReduceSumSquare", [value.name, graph.integers(-1)], {"keepdims": 1})
    length = graph.add("Sqrt", [graph.add("Max", [squares, graph.scalar(1e-12)])])
    return Value(graph.add("Div", [value.name, length]), value.shape)


EMITTERS[keras.layers.UnitNormalization] = unit
