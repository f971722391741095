"""Which tensor of VRN's files goes where.

Torch7's file is the tree of modules itself. The port for Keras 2 numbers its layers in the order
in which that tree is walked, depth first.
"""

import re
from collections.abc import Iterator

import keras

from models.errors import BadWeights
from models.readers.weights import WeightFile
from models.transfer import Filled, Transfer, transposed

# Torch7's names of a norm's tensors, and Keras's. The learnt statistics come last.
TORCH = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
STATISTICS = ("moving_mean", "moving_variance")
NO_STATISTICS = "statistics that were learnt: those of the picture itself are used"


def transfer(source: WeightFile, network: keras.Model) -> Filled:
    """Torch7's or Keras's tensors, told by their names, into the network.

    raises  BadWeights if one is missing or left over, or the file is of neither kind
    """
    moves = Transfer(source, network)
    if "layers" in source.notes:
        _from_keras(moves, network)
    else:
        _from_torch(moves, network)
    return moves.finish()


def _from_torch(moves: Transfer, network: keras.Model) -> None:
    """Kernels lie as (out, in, h, w)."""
    for layer in _layers(network):
        place = layer.name.split("_")[1:]
        module = "/".join(f"modules/{int(index) + 1}" for index in place)
        if layer.name.startswith("conv"):
            moves.move(f"{module}/weight", f"{layer.name}/kernel", transposed(2, 3, 1, 0))
            moves.move(f"{module}/bias", f"{layer.name}/bias")
            continue
        _norm(moves, layer, {f"{module}/{theirs}": ours for theirs, ours in TORCH.items()})
    for tensor in moves.source:
        if tensor.rpartition("/")[2] not in TORCH:
            moves.pass_over(tensor, "gradients and buffers, left from training")


def _from_keras(moves: Transfer, network: keras.Model) -> None:
    """conv_1, conv_2, ... and batch_norm_1, ...: the numbers may start anywhere."""
    for kind, theirs in (("conv", "conv"), ("norm", "batch_norm")):
        wanted = [layer for layer in _layers(network) if layer.name.startswith(kind)]
        found = _numbered(moves.source, theirs)
        if len(found) != len(wanted):
            raise BadWeights(
                f"{moves.source.file}: layers {theirs}: wanted {len(wanted)}, got {len(found)}"
            )
        for layer, name in zip(wanted, found, strict=True):
            if kind == "conv":
                moves.move(f"{name}/kernel", f"{layer.name}/kernel")
                moves.move(f"{name}/bias", f"{layer.name}/bias")
            else:
                _norm(moves, layer, {f"{name}/{ours}": ours for ours in TORCH.values()})


def _norm(moves: Transfer, layer: keras.Layer, tensors: dict[str, str]) -> None:
    running = isinstance(layer, keras.layers.BatchNormalization)
    for tensor, variable in tensors.items():
        if variable in STATISTICS and not running:
            moves.pass_over(tensor, NO_STATISTICS)
        else:
            moves.move(tensor, f"{layer.name}/{variable}")


def _layers(network: keras.Model) -> Iterator[keras.Layer]:
    """The layers that hold weights, in the order of the original's tree, depth first."""
    held = [layer for layer in network.layers if layer.weights]
    yield from sorted(held, key=lambda layer: [int(n) for n in layer.name.split("_")[1:]])


def _numbered(source: WeightFile, kind: str) -> list[str]:
    """The file's layers of a kind, by number; the first may have none."""
    pattern = re.compile(rf"{kind}(?:_(\d+))?")
    names = {tensor.partition("/")[0] for tensor in source}
    found = {name: match for name in names if (match := pattern.fullmatch(name))}
    return sorted(found, key=lambda name: int(found[name][1] or 0))
