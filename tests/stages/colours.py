"""A recogniser that tells faces by their mean colour, and faces for it."""

from pathlib import Path

import numpy as np

from models.export.classes import emit_embedding
from models.export.graph import Graph
from models.results import Detections
from models.sidecar import write_sidecar
from models.spec import Input, ModelSpec

FACE = Input(16, 16, fit="stretch")
RED, BLUE = (0, 0, 255), (255, 0, 0)  # blue, green, red


def mean_colour_model(folder: Path) -> Path:
    """(B, 16, 16, 3) to (B, 3): the mean of red, green and blue, in [0, 1]."""
    graph = Graph("colour")
    mean = graph.add("ReduceMean", [graph.image(FACE), graph.integers(2, 3)], {"keepdims": 0})
    emit_embedding(graph, mean, 3)
    path = folder / "colour.onnx"
    path.write_bytes(graph.model({"name": "colour"}).SerializeToString())
    write_sidecar(path, ModelSpec("colour", "own", "embed", FACE, (), "none", "none", None))
    return path


def one_face(
    track: int | None, eyes: tuple[tuple[float, float], tuple[float, float]] | None = None
) -> Detections:
    """A face that fills most of the picture."""
    return Detections(
        np.array([[0.1, 0.1, 0.9, 0.9]], np.float32),
        np.array([0.9], np.float32),
        np.array([0], np.int64),
        ("face",),
        points=None if eyes is None else np.array([eyes], np.float32),
        tracks=None if track is None else np.array([track], np.int64),
    )
