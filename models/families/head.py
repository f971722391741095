"""A linear head on the features of VGG16, as `framewire models train` makes it.

The head is some kilobytes, and the convolutions are the same for all heads, so only the head is
kept: an .npz with `kernel` (F, classes) and `bias` (classes,) float32, `layers` (the names of the
layers whose mean features it reads, side by side, each of length 1), and `mirror` (whether the mean
of a picture and its mirror image is what it says).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.class_count import wrong_labels
from models.errors import BadModel, BadWeights
from models.export.graph import Graph
from models.spec import ModelSpec

MOST_BYTES = 1 << 26  # of a head: ImageNet's thousand classes on all layers take 6 MB


@dataclass(frozen=True, slots=True)
class Head:
    """What was learnt."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    layers: tuple[str, ...]
    mirror: bool


def write(file: Path, head: Head) -> None:
    """Keep a head."""
    np.savez(
        file,
        kernel=head.kernel,
        bias=head.bias,
        layers=np.array(head.layers, np.str_),
        mirror=np.array(head.mirror),
    )


def read(file: Path) -> Head:
    """Read a head. Raises BadWeights if the file is not one."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadWeights(f"{file}: wanted at most {MOST_BYTES} bytes, got more")
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            kernel, bias = arrays["kernel"], arrays["bias"]
            layers, mirror = tuple(map(str, arrays["layers"])), bool(arrays["mirror"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise BadWeights(f"{file}: wanted a head (.npz), got: {error}") from error
    if kernel.ndim != 2 or bias.shape != kernel.shape[1:]:
        raise BadWeights(
            f"{file}: wanted a kernel (F, classes) and a bias (classes,), "
            f"got {kernel.shape} and {bias.shape}"
        )
    return Head(kernel.astype(np.float32), bias.astype(np.float32), layers, mirror)


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; two files: VGG16's convolutions, then the head."""
    # Training writes heads and this module reads them; neither wants the other at import.
    from models.training import export, networks  # noqa: PLC0415

    if len(files) != 2:
        raise BadWeights(
            f"{spec.name}: wanted two files, VGG16's convolutions and the head, got {len(files)}"
        )
    head = read(files[1])
    if len(head.bias) != len(spec.labels):
        raise BadModel(f"{files[1]}: {wrong_labels(len(head.bias), len(spec.labels))}")
    trunk = networks.features(networks.backbone("vgg16", spec.input, 1.0, files[0]), head.layers)
    if trunk.output_shape[1] != len(head.kernel):
        raise BadWeights(
            f"{files[1]}: kernel: wanted {trunk.output_shape[1]} features of "
            f"{', '.join(head.layers)}, got {len(head.kernel)}"
        )
    network = networks.classifier(trunk, head.kernel, head.bias)
    return export.draw(network, spec, export.classes(spec.labels), mirror=head.mirror)
