"""A linear head on the features of VGG16, as `framewire models train` makes it.

The head is some kilobytes, and the convolutions are the same for all heads, so only the head is
kept: an .npz with `kernel` (F, classes) and `bias` (classes,) float32, `layers` (the names of the
layers whose mean features it reads, side by side, each of length 1), and `mirror` (whether the mean
of a picture and its mirror image is what it says).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.class_count import wrong_labels
from models.errors import BadData, BadModel, BadWeights
from models.export.graph import Graph
from models.readers import npz
from models.readers.stored import Checks
from models.spec import ModelSpec


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
    """Read a head. Raises BadWeights naming the file and the array if it is not one."""
    source = npz.read(file, texts=("layers",))
    texts = source.notes["texts"]
    assert isinstance(texts, dict)
    wanted, got = {"kernel", "bias", "mirror", "layers"}, {*source, *texts}
    if got != wanted:
        checks = Checks(file.name, file.stat().st_size)
        checks.fail("arrays", f"{', '.join(sorted(wanted))}, of a head", ", ".join(sorted(got)))
    kernel, bias, mirror = (source[name].read() for name in ("kernel", "bias", "mirror"))
    if kernel.ndim != 2 or bias.shape != kernel.shape[1:]:
        raise BadWeights(
            f"{file.name}: wanted a kernel (F, classes) and a bias (classes,), "
            f"got {kernel.shape} and {bias.shape}"
        )
    if not np.isfinite(kernel).all() or not np.isfinite(bias).all():
        raise BadWeights(f"{file.name}: wanted finite numbers, got nan or inf")
    if mirror.shape or mirror.dtype != np.bool_:
        raise BadWeights(f"{file.name}: mirror: wanted one bool, got {mirror.shape} {mirror.dtype}")
    layers = texts["layers"]
    if len(set(layers)) != len(layers):
        raise BadWeights(f"{file.name}: layers: wanted each once, got one twice")
    return Head(kernel.astype(np.float32), bias.astype(np.float32), layers, bool(mirror))


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
    body = networks.backbone("vgg16", spec.input, 1.0, files[0])
    try:
        trunk = networks.features(body, head.layers)
    except BadData as error:
        raise BadWeights(f"{files[1]}: {error}") from error
    if trunk.output_shape[1] != len(head.kernel):
        raise BadWeights(
            f"{files[1]}: kernel: wanted {trunk.output_shape[1]} features of "
            f"{', '.join(head.layers)}, got {len(head.kernel)}"
        )
    network = networks.classifier(trunk, head.kernel, head.bias)
    return export.draw(network, spec, export.classes(spec.labels), mirror=head.mirror)
