"""Writes MobileNet v1 1.0 224 with random weights: the model that the speed benchmarks run.

    python -m benchmarks.mobilenet mobilenet.onnx

Howard et al., arXiv:1704.04861, table 1: 0.57 billion multiply-adds, 4.2 million weights. Its input
is (B, 224, 224, 3) uint8, its output (B, 1000) float32 probabilities; batch norm is folded into the
convolutions. Weights are drawn from a seed and scaled after He et al., arXiv:1502.01852, so that
the numbers inside stay of the size that trained ones have. It classifies nothing.
"""

import argparse
from math import prod
from pathlib import Path

import numpy as np

from models.export.graph import Graph
from models.spec import CONTRACTS, Input

HALF = (127.5, 127.5, 127.5)
CLASSES = 1000
STEM = 32
# (channels, stride) of each depthwise separable block.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


class Writer:
    """Adds layers to a graph, each with weights drawn next from the seed."""

    def __init__(self, seed: int) -> None:
        self.graph = Graph("mobilenet-v1-1.0-224")
        self._random = np.random.default_rng(seed)

    def convolution(self, value: str, shape: tuple[int, ...], stride: int, groups: int = 1) -> str:
        """A convolution with bias and ReLU6; `shape` of its kernel is (out, in / groups, h, w).

        TensorFlow's SAME: at stride 2 an even picture is padded below and to the right alone.
        """
        scale = np.sqrt(2 / prod(shape[1:]))
        kernel = self._random.standard_normal(shape, np.float32) * np.float32(scale)
        bias = self._random.standard_normal(shape[0], np.float32) * np.float32(0.1)
        side = (shape[2] - 1) // 2
        value = self.graph.add(
            "Conv",
            [value, self.graph.constant(kernel), self.graph.constant(bias)],
            {
                "kernel_shape": shape[2:],
                "strides": (stride, stride),
                "pads": (side + 1 - stride, side + 1 - stride, side, side) if side else (0,) * 4,
                "group": groups,
            },
        )
        return self.graph.add("Clip", [value, self.graph.scalar(0.0), self.graph.scalar(6.0)])

    def dense(self, value: str, inputs: int, outputs: int) -> str:
        scale = np.float32(np.sqrt(1 / inputs))
        weights = self._random.standard_normal((inputs, outputs), np.float32) * scale
        bias = np.zeros(outputs, np.float32)
        return self.graph.add(
            "Gemm", [value, self.graph.constant(weights), self.graph.constant(bias)]
        )


def write(path: Path, seed: int = 0) -> None:
    """Write the model to `path`. The same seed and numpy write the same file."""
    writer = Writer(seed)
    value = writer.graph.image(Input(224, 224, "rgb", "stretch", mean=HALF, std=HALF))
    value = writer.convolution(value, (STEM, 3, 3, 3), stride=2)
    channels = STEM
    for wider, stride in BLOCKS:
        value = writer.convolution(value, (channels, 1, 3, 3), stride, groups=channels)
        value = writer.convolution(value, (wider, channels, 1, 1), stride=1)
        channels = wider
    value = writer.graph.add("Flatten", [writer.graph.add("GlobalAveragePool", [value])])
    value = writer.graph.add("Softmax", [writer.dense(value, channels, CLASSES)], {"axis": 1})
    (port,) = CONTRACTS["classify"].outputs
    writer.graph.output(port, value)
    path.write_bytes(writer.graph.model({"seed": str(seed)}).SerializeToString())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write MobileNet v1 with random weights.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.path, given.seed)
    print(f"{given.path}: {given.path.stat().st_size / 1e6:.1f} MB")
