"""Tinier-YOLO: a YOLOv2 on one-bit weights, as Xilinx ran it in an FPGA.

github.com/Xilinx/QNN-MO-PYNQ at 97bc264 (BSD-3-Clause). Between its first and last layer numbers
are whole, 0 to 7: a convolution with weights of -1 and 1 gives a sum y, and of seven thresholds of
its channel the next number is how many y reaches. All of that is exact in float32, so the graph
says what the FPGA says, bit by bit.

The thresholds lie on a straight line, rounded up: a batch norm and a rounding went into them. So
how many are reached is floor((y + shift) / step), between 0 and 7, a shift and a step a channel.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import BadWeights
from models.export.graph import Graph
from models.export.yolo import emit_head, head_of
from models.readers import npz
from models.readers.weights import WeightFile
from models.spec import ModelSpec

Floats = NDArray[np.float32]

LEVELS = 7  # three bits: 0 to 7
FIRST = (16, 3, 3, 3)  # OIHW, of stride 2
BINARY = (
    *((64, 16, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3), (256, 128, 3, 3)),
    *((512, 256, 3, 3), (512, 512, 3, 3), (512, 512, 3, 3)),
)
"""conv1 to conv7, OIHW; behind the first four a pool of stride 2, behind the fifth one of 1."""
POOLS = (2, 2, 2, 2, 1, 0, 0)
LAST = 512  # channels that the last layer reads
MOST_FIRST = 4.0  # what the first layer gives is cut there, and 0 to 4 become 0 to 7
# A shift is a multiple of that, so that with sums up to 7 * 9 * 512 it stays exact in float32.
SHIFT_STEP = 1 / 256

# Below a score of 0.3 three boxes of four are wrong (card); 0.4 is what its authors' darknet has.
SCORE_THRESHOLD, IOU_THRESHOLD = 0.3, 0.4


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; one .npz file, laid out as `arrays` says."""
    source = npz.read(files[0])
    held = arrays(source, spec)
    graph = Graph(spec.name)
    value = levels(graph, first(graph, graph.image(spec.input), held), held, source.file)
    emit_head(
        graph,
        last(graph, value, held),
        head_of(spec),
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=IOU_THRESHOLD,
    )
    return graph


def arrays(source: WeightFile, spec: ModelSpec) -> dict[str, NDArray[np.generic]]:
    """All arrays of the file, of the right shapes; the signs of convN as -1 and 1, OIHW.

    conv0_w, conv0_b      float32, the first layer
    convN_sign, convN_shape, convN_thr   np.packbits of weight > 0; OIHW; (O, 7) int16, rising
    conv8_w, conv8_b      float32, (channels, 512), the last layer
    anchors               (5, 2), in cells; must be the spec's
    raises                BadWeights naming the array, what was wanted and what was got
    """
    channels = head_of(spec).channels
    wanted: dict[str, tuple[int, ...]] = {"conv0_w": FIRST, "conv0_b": FIRST[:1]}
    for number, kernel in enumerate(BINARY, 1):
        wanted[f"conv{number}_sign"] = (int(np.prod(kernel)) // 8,)
        wanted[f"conv{number}_shape"] = (4,)
        wanted[f"conv{number}_thr"] = (kernel[0], LEVELS)
    wanted |= {
        "conv8_w": (channels, LAST),
        "conv8_b": (channels,),
        "anchors": (len(spec.anchors), 2),
    }
    if left := sorted(set(source) ^ set(wanted)):
        raise BadWeights(
            f"{source.file}: arrays: wanted {', '.join(wanted)}, got other than {left}"
        )
    held = {}
    for name, shape in wanted.items():
        if (got := source[name].shape) != shape:
            raise BadWeights(f"{source.file}: tensor {name}: wanted {shape}, got {got}")
        held[name] = source[name].read()
        if not np.isfinite(held[name]).all():
            raise BadWeights(f"{source.file}: tensor {name}: wanted finite numbers, got nan or inf")
    for number, kernel in enumerate(BINARY, 1):
        said = tuple(held[f"conv{number}_shape"].tolist())
        if said != kernel or held[f"conv{number}_sign"].dtype != np.uint8:
            raise BadWeights(f"{source.file}: conv{number}_shape: wanted {kernel} bits, got {said}")
        bits = np.unpackbits(np.asarray(held[f"conv{number}_sign"], np.uint8)).reshape(kernel)
        held[f"conv{number}_sign"] = bits.astype(np.float32) * 2 - 1
    if not np.allclose(np.asarray(held["anchors"], np.float64), spec.anchors):
        got_anchors = held["anchors"].tolist()
        raise BadWeights(f"{source.file}: anchors: wanted {spec.anchors}, got {got_anchors}")
    held["conv8_w"] = held["conv8_w"].reshape(channels, LAST, 1, 1)
    return held


def first(graph: Graph, image: str, held: Mapping[str, NDArray[np.generic]]) -> str:
    """(B, 3, H, W) in [0, 1] to whole numbers of 0..7, half to even: (B, 16, H / 2, W / 2)."""
    value = graph.add(
        "Conv",
        [image, *_constants(graph, held, "conv0_w", "conv0_b")],
        {"strides": (2, 2), "pads": (1, 1, 1, 1)},
    )
    value = graph.add("Clip", [value, graph.scalar(0.0), graph.scalar(MOST_FIRST)])
    value = graph.add("Div", [value, graph.scalar(MOST_FIRST)])
    return graph.add("Round", [graph.add("Mul", [value, graph.scalar(LEVELS)])])


def levels(
    graph: Graph, value: str, held: Mapping[str, NDArray[np.generic]], file: str = ""
) -> str:
    """Whole numbers of 0..7 through conv1 to conv7: (B, 16, H, W) to (B, 512, H / 16, W / 16)."""
    for number, pool in enumerate(POOLS, 1):
        thresholds = np.asarray(held[f"conv{number}_thr"], np.int64)
        shift, step = staircase(thresholds, f"{file}: conv{number}_thr")
        kernel = np.asarray(held[f"conv{number}_sign"], np.float32)
        value = graph.add(
            "Conv",
            [value, graph.constant(kernel), graph.constant(shift)],
            {"pads": (1, 1, 1, 1)},
        )
        # More never becomes less on the way, so the largest may be taken of the sums: there are
        # fewer of them left to divide then.
        if pool:
            value = graph.add(
                "MaxPool",
                [value],
                {"kernel_shape": (2, 2), "strides": (pool, pool), "auto_pad": "SAME_UPPER"},
            )
        value = graph.add("Div", [value, graph.constant(step.reshape(-1, 1, 1))])
        value = graph.add("Floor", [value])
        value = graph.add("Clip", [value, graph.scalar(0.0), graph.scalar(LEVELS)])
    return value


def last(graph: Graph, value: str, held: Mapping[str, NDArray[np.generic]]) -> str:
    """What the head reads, from what `levels` gives."""
    return graph.add("Conv", [value, *_constants(graph, held, "conv8_w", "conv8_b")])


def staircase(thresholds: NDArray[np.int64], where: str = "thresholds") -> tuple[Floats, Floats]:
    """Shift and step of each channel, such that floor((y + shift) / step) counts for whole y.

    thresholds  (O, 7), rising: the k-th is the least y that counts k
    returns     shift and step, both (O,) float32
    raises      BadWeights if there is no such straight line for a channel
    """
    counts = np.arange(1, LEVELS + 1)
    best = np.full(len(thresholds), np.inf)
    shift, step = np.zeros(len(thresholds)), np.ones(len(thresholds))
    # The line that all points lie nearest to is parallel to the line through two of them.
    for low, high in combinations(range(LEVELS), 2):
        slope = (thresholds[:, high] - thresholds[:, low]) / (high - low)
        off = counts * slope[:, np.newaxis] - thresholds
        spread = np.ptp(off, axis=1)
        better = (spread < best) & (slope > 0)
        best = np.where(better, spread, best)
        step = np.where(better, slope, step)
        shift = np.where(better, (off.max(axis=1) + off.min(axis=1) + 1) / 2, shift)
    shifts = (np.round(shift / SHIFT_STEP) * SHIFT_STEP).astype(np.float32)
    steps = step.astype(np.float32)
    for below, said in ((0, counts), (1, counts - 1)):
        sums = (thresholds - below).astype(np.float32)
        got = np.floor((sums + shifts[:, np.newaxis]) / steps[:, np.newaxis])
        if (wrong := (got != said).any(axis=1)).any():
            channel = int(wrong.argmax())
            raise BadWeights(
                f"{where}: channel {channel}: wanted thresholds on a straight line, rounded up, "
                f"got {thresholds[channel].tolist()}"
            )
    return shifts, steps


def _constants(
    graph: Graph, held: Mapping[str, NDArray[np.generic]], *names: str
) -> tuple[str, ...]:
    return tuple(graph.constant(np.asarray(held[name], np.float32)) for name in names)
