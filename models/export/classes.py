"""The last node of every classifier and embedding: one row for each picture, by the contract."""

import keras

from models.class_count import wrong_labels
from models.errors import BadModel
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.spec import CONTRACTS, ModelSpec, Port
from models.transfer import Filled


def row_graph(spec: ModelSpec, network: keras.Model, weights: Filled) -> Graph:
    """The graph of a network that gives one row for a picture: probabilities, or an embedding."""
    graph = Graph(spec.name)
    (made,) = emit(graph, network, weights, [graph.image(spec.input)])
    units = int(network.output_shape[1])
    if spec.task == "embed":
        emit_embedding(graph, made, units)
    else:
        emit_probabilities(graph, made, units, len(spec.labels))
    return graph


def emit_probabilities(graph: Graph, value: str, units: int, classes: int) -> None:
    """Declare the output of a "classify" model.

    value    (B, units) float32: what comes out of a softmax; or of a sigmoid, if `units` is 1, how
             likely the second of two classes is, which becomes the probabilities of both
    classes  that the spec names
    raises   BadModel if there are not as many
    """
    if units == 1:
        other = graph.add("Sub", [graph.scalar(1.0), value])
        value, units = graph.add("Concat", [other, value], {"axis": 1}), 2
    if units != classes:
        raise BadModel(f"{graph.name}: {wrong_labels(units, classes)}")
    (port,) = CONTRACTS["classify"].outputs
    graph.output(Port(port.name, port.dtype, ("B", classes)), value)


def emit_embedding(graph: Graph, value: str, length: int) -> None:
    """Declare the output of an "embed" model: `value` is (B, length) float32."""
    (port,) = CONTRACTS["embed"].outputs
    graph.output(Port(port.name, port.dtype, ("B", length)), value)
