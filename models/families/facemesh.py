"""Face mesh: 468 points in three dimensions on one face that fills the picture.

Kartynnik et al., arXiv:1907.06724; MediaPipe's `face_landmark.tflite`.
"""

from collections.abc import Sequence
from pathlib import Path

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.tflite import emit
from models.readers import tflite
from models.spec import CONTRACTS, ModelSpec

POINTS = 468


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .tflite file."""
    network = tflite.read(files[0])
    got = tuple(network.tensors[i].shape for i in network.outputs)
    wanted = ((1, 1, 1, 3 * POINTS), (1, 1, 1, 1))
    if got != wanted:
        raise BadWeights(f"{network.file}: outputs: wanted {wanted}, got {got}")
    graph = Graph(spec.name)
    image = graph.image(spec.input)
    pixels, logit = emit(graph, network, [image])
    points = graph.add("Reshape", [pixels, graph.integers(0, POINTS, 3)])
    values = {
        "points": graph.add("Mul", [points, graph.scalar(1 / spec.input.width)]),
        "score": graph.add("Sigmoid", [graph.add("Reshape", [logit, graph.integers(-1)])]),
    }
    for port in CONTRACTS["mesh"].outputs:
        graph.output(port, values[port.name])
    return graph
