"""Which tensor of a Keras 2 file fills which variable: by the names of layers, or by their order.

Keras itself loads such a file in one of these two ways, and with names quietly leaves at random
what it does not find. Here layers pair off completely or the file is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras

from models.errors import BadWeights
from models.readers.weights import WeightFile


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that holds weights.

    tensors  their names in the file, or their paths in a network, in the layer's order
    """

    name: str
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor of the file, and the path of the variable that it fills."""

    tensor: str
    path: str


def pair_off(file: WeightFile, network: keras.Model, unused: Sequence[str] = ()) -> list[Pair]:
    """Pair the tensors of a file with the variables of a network.

    By name if the file has every layer that the network has; else in order, as layers without names
    of their own ("conv2d_7") or of another naming have to be.

    unused  layers that the file may have beyond the network's, by name; they are left out
    raises  BadWeights if the file has another number of layers, or a layer another number of
            tensors; shapes are looked at when the tensors are moved
    """
    wanted = list(network_layers(network))
    found = [layer for layer in file_layers(file) if layer.name not in set(unused)]
    by_name = {layer.name: layer for layer in found}
    named = len(by_name) == len(found) and by_name.keys() >= {layer.name for layer in wanted}
    if len(wanted) != len(found):
        more = [layer.name for layer in found if layer.name not in {w.name for w in wanted}]
        raise BadWeights(
            f"{file.file}: layers: wanted {len(wanted)} with weights, got {len(found)}"
            + (f", of other names {', '.join(more[:3])}" if more else "")
        )
    pairs = []
    for place, layer in enumerate(wanted):
        source = by_name[layer.name] if named else found[place]
        if len(source.tensors) != len(layer.tensors):
            raise BadWeights(
                f"{file.file}: layer {source.name}: wanted {len(layer.tensors)} tensors for "
                f"{layer.name}, got {len(source.tensors)}"
            )
        pairs += [Pair(*both) for both in zip(source.tensors, layer.tensors, strict=True)]
    return pairs


def network_layers(network: keras.Model) -> Iterator[Layer]:
    """The layers of a network that hold weights, those inside a network within it too."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from network_layers(layer)
        elif layer.weights:
            yield Layer(layer.name, tuple(weight.path for weight in layer.weights))


def file_layers(file: WeightFile) -> Iterator[Layer]:
    """The layers of a file that hold tensors, in the file's order; see `models.readers.h5`.

    A layer's tensors are told by where they lie, not by what they are called: "kernel", "W_1" and
    "conv1_W" all occur. Tensors from several folders in one layer are those of a network within.
    """
    layers: dict[str, dict[str, list[str]]] = {}
    for layer, tensor in _owners(file):
        folder = tensor.removeprefix(f"{layer}/").rpartition("/")[0]
        layers.setdefault(layer, {}).setdefault(folder, []).append(tensor)
    for layer, folders in layers.items():
        if len(folders) == 1:
            (tensors,) = folders.values()
            yield Layer(layer, tuple(tensors))
            continue
        for folder, tensors in folders.items():
            yield Layer(folder.rpartition("/")[2], tuple(tensors))


def _owners(file: WeightFile) -> Iterator[tuple[str, str]]:
    """Each tensor with the layer that it belongs to: the longest name that its own starts with."""
    listed = file.notes.get("layers")
    names = sorted(listed, key=len, reverse=True) if isinstance(listed, tuple) else []
    for tensor in file:
        owner = next((name for name in names if tensor.startswith(f"{name}/")), None)
        yield owner or tensor.rpartition("/")[0], tensor
