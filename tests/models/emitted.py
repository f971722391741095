"""A Keras network as an ONNX session, without the head that its family puts behind it."""

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from models import Input
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.session import Session, open_session
from models.spec import Port


def emitted(
    network: keras.Model, weights: Mapping[str, np.ndarray], size: Input, folder: Path
) -> Session:
    """From `image` to `y`, the network's output with its axes in ONNX's order."""
    graph = Graph("network")
    (made,) = emit(graph, network, weights, [graph.image(size)])
    shape = network.output_shape
    graph.output(Port("y", "float32", ("B", shape[3], *shape[1:3])), made)
    path = folder / "network.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    return open_session(path, device="cpu")


def normalised(pictures: np.ndarray, size: Input) -> np.ndarray:
    """What the graph makes of its pictures, (B, H, W, 3) float32."""
    made = (pictures - np.array(size.mean)) / np.array(size.std)
    return made.astype(np.float32)
