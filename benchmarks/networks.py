"""The zoo's networks, filled from a seed and ready to be written as ONNX."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.export.convert import family
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.spec import CONTRACTS, ModelSpec, Port
from models.transfer import values
from tests.models import keras2_file, maskrcnn_file
from tests.models.seeded import fill

if TYPE_CHECKING:
    import keras

Write = Callable[[], Graph]

WHOLE = frozenset({"maskrcnn-coco"})
"""Those that are several networks with other steps between: the whole is written, from a file."""

GREY_LEVELS = 256


def prepared(spec: ModelSpec, folder: Path) -> Write:
    """What writes the network, and can be timed: all else is done.

    folder  for a weight file, which is as large as the original
    """
    if spec.name in WHOLE:
        drawn = maskrcnn_file.drawn(len(spec.labels) + 1, spec.variant)
        file = keras2_file.write(folder / f"{spec.name}.h5", drawn)
        return lambda: family(spec.family).convert(spec, [file])
    if spec.family == "caption":
        # OpenVINO 2026.4.1 has no LSTM with the gates of Keras 1 and 2.
        spec = replace(spec, variant="sigmoid")
    network: keras.Model = family(spec.family).build(spec)  # type: ignore[attr-defined]
    fill(network, seed=0)
    if spec.input.std == (1.0, 1.0, 1.0) and CONTRACTS[spec.task].image:
        soften(network)
    return lambda: _network(spec, network)


def soften(network: "keras.Model") -> None:
    """Make a soft-max say more than which is largest, in a network that sees whole grey levels.

    Logits are as large as these: of a thousand probabilities 999 would be 0 and one 1, and two
    engines that differ would seem to agree.
    """
    for layer in network.layers:
        if getattr(getattr(layer, "activation", None), "__name__", "") == "softmax":
            layer.kernel.assign(layer.kernel / GREY_LEVELS)


def _network(spec: ModelSpec, network: "keras.Model") -> Graph:
    """The input as the task has it, and the network's own outputs."""
    graph = Graph(spec.name)
    contract = CONTRACTS[spec.task]
    image = [graph.image(spec.input)] if contract.image else []
    feeds = [*image, *(graph.input(port) for port in contract.inputs if port.required)]
    found = emit(graph, network, values(network), feeds)
    for number, (value, tensor) in enumerate(zip(found, network.outputs, strict=True)):
        shape = tuple(tensor.shape)[1:]
        sizes = (shape[-1], *shape[:-1]) if len(shape) == 3 else shape
        graph.output(Port(f"output{number}", "float32", ("B", *sizes)), value)
    return graph
