"""Face mesh: 468 points in three dimensions on one face that fills the picture.

Kartynnik et al., arXiv:1907.06724; MediaPipe's `face_landmark.tflite`.
"""

from collections.abc import Mapping

import onnx

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.tflite import emit
from models.readers.network import Network
from models.spec import CONTRACTS, ModelSpec

POINTS = 468


def build(network: Network, spec: ModelSpec, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The network with pictures in and points out, after the contract of "mesh".

    raises  BadWeights if the network is not the face mesh
    """
    got = tuple(network.tensors[i].shape for i in network.outputs)
    wanted = ((1, 1, 1, 3 * POINTS), (1, 1, 1, 1))
    if got != wanted:
        raise BadWeights(f"{network.file}: outputs: wanted {wanted}, got {got}")
    graph = Graph(spec.name)
    image = graph.image(spec.input, 1 / 255, 0.0)
    pixels, logit = emit(graph, network, [image])
    points = graph.add("Reshape", [pixels, graph.integers(0, POINTS, 3)])
    values = {
        "points": graph.add("Mul", [points, graph.scalar(1 / spec.input.width)]),
        "score": graph.add("Sigmoid", [graph.add("Reshape", [logit, graph.integers(-1)])]),
    }
    for port in CONTRACTS["mesh"].outputs:
        graph.output(port, values[port.name])
    return graph.model(metadata)
