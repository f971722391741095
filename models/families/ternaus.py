"""Surgical instruments: UNet11, UNet16 (TernausNet-16), LinkNet34 and AlbuNet34.

Shvets et al., arXiv:1803.01207, and github ternaus/robot-surgery-segmentation at 1d18157, whose
PyTorch files are read. A variant is a network's name; how many labels there are says the task:
2 for binary (one logit), more for parts (4) and instruments (8).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import keras
import numpy as np
from keras import layers

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.segment import emit_binary, emit_classes
from models.families import ternaus_resnet, ternaus_unet
from models.readers import torch_pt
from models.readers.weights import WeightFile
from models.spec import ModelSpec
from models.transfer import Filled, Transfer, as_it_is, transposed

# README.rst, "Method": chosen by its authors on their validation set.
THRESHOLD = 0.3

LOG_SOFTMAX = "log_softmax"  # the last layer where there are several classes

Network = Callable[[keras.KerasTensor, int], keras.KerasTensor]
NETWORKS: dict[str, Network] = {
    "unet11": lambda image, classes: ternaus_unet.build(image, classes, ternaus_unet.UNET11),
    "unet16": lambda image, classes: ternaus_unet.build(image, classes, ternaus_unet.UNET16),
    "linknet34": ternaus_resnet.linknet,
    "albunet34": ternaus_resnet.albunet,
}
ALIASES: dict[str, dict[str, str]] = {
    "unet11": ternaus_unet.aliases(ternaus_unet.UNET11),
    "unet16": ternaus_unet.aliases(ternaus_unet.UNET16),
    "linknet34": {},
    "albunet34": ternaus_resnet.ALBUNET_ALIASES,
}
"""Modules that a state dict holds twice: the name that is read, by the other one."""

STEPS = {"unet11": 32, "unet16": 32, "linknet34": 32, "albunet34": 64}
"""Sides of the input are multiples of it: so often the picture is halved."""

IN_TORCH = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "kernel": "weight",
    "bias": "bias",
}


def build(spec: ModelSpec) -> keras.Model:
    """(B, H, W, 3) float32, normalised, to (B, H, W, 1) logits or to log-probabilities of classes.

    raises  ValueError if a side of the input is no multiple of what the network needs
    """
    height, width, step = spec.input.height, spec.input.width, STEPS[spec.variant]
    if height % step or width % step:
        raise ValueError(
            f"{spec.name}: wanted sides that are multiples of {step}, got {width}x{height}"
        )
    image = cast("keras.KerasTensor", layers.Input((height, width, 3), name="image"))
    if len(spec.labels) == 2:
        return keras.Model(image, NETWORKS[spec.variant](image, 1), name=spec.variant)
    logits = NETWORKS[spec.variant](image, len(spec.labels))
    made = layers.Activation("log_softmax", name=LOG_SOFTMAX)(logits)
    return keras.Model(image, made, name=spec.variant)


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .pt file, as `train.py` saves it."""
    network = build(spec)
    weights = load(spec, torch_pt.read(files[0]), network)
    graph = Graph(spec.name)
    (logits,) = emit(graph, _to_logits(network), weights, [graph.image(spec.input)])
    if len(spec.labels) == 2:
        emit_binary(graph, logits, threshold=THRESHOLD)
    else:
        emit_classes(graph, logits)
    return graph


def _to_logits(network: keras.Model) -> keras.Model:
    """Without the log-soft-max: it changes no class, and takes a tenth of LinkNet34's time."""
    if network.layers[-1].name != LOG_SOFTMAX:
        return network
    return keras.Model(network.inputs, network.layers[-1].input)


def load(spec: ModelSpec, source: WeightFile, network: keras.Model) -> Filled:
    """The tensors of a state dict, by its keys.

    raises  BadWeights if one is missing, left over, of another shape, or held twice and not equal
    """
    transfer = Transfer(source, network)
    for layer in network.layers:
        for variable in layer.weights:
            kind = variable.path.rpartition("/")[2]
            # OIHW, and IOHW of transposed convolutions; Keras has (h, w, in, out), and for these
            # (h, w, out, in).
            change = transposed(2, 3, 1, 0) if kind == "kernel" else as_it_is
            transfer.move(f"{layer.name}.{IN_TORCH[kind]}", variable.path, change)
    for tensor in source:
        if (why := _unused(spec, source, tensor)) is not None:
            transfer.pass_over(tensor, why)
    return transfer.finish()


def _unused(spec: ModelSpec, source: WeightFile, tensor: str) -> str | None:
    """Why the network has no place for a tensor, if that is known."""
    module, _, kind = tensor.rpartition(".")
    if kind == "num_batches_tracked" and f"{module}.running_mean" in source:
        return "a counter of training"
    if module == "encoder.fc":
        return "the ImageNet classifier of the encoder, which is never run"
    first = _first(module, ALIASES[spec.variant])
    if first is None or f"{first}.{kind}" not in source:
        return None
    if not np.array_equal(source[tensor].read(), source[f"{first}.{kind}"].read()):
        raise BadWeights(
            f"{source.file}: tensor {tensor}: wanted the numbers of {first}.{kind}, "
            "which is the same layer, got others"
        )
    return f"the same tensor as {first}.{kind}"


def _first(module: str, aliases: dict[str, str]) -> str | None:
    """The name of that module that is read, if this is its second one."""
    for second, first in aliases.items():
        if module == second or module.startswith(f"{second}."):
            return first + module[len(second) :]
    return None
