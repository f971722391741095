"""The same model in int8, for CPUs.

What comes behind the last layer with learnt weights (soft-max, boxes, suppression) stays in
float32: quantised, a soft-max over many classes is all zeros.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from models.errors import BadModel
from models.export.learnt import behind_the_weights

Images = NDArray[np.uint8]

# No Add: quantised, and run by two threads, it ends ONNX Runtime 1.31.1 with a segmentation fault.
QUANTISED = ["Conv", "Gemm", "MatMul", "MaxPool", "Concat", "Relu", "Clip", "LeakyRelu"]


def to_int8(model: Path, target: Path, images: Iterable[Images]) -> None:
    """Write a model whose convolutions count in int8: static, a scale for each output channel.

    images  (1, H, W, 3) uint8 of the model's input size, such as it will see: their range of values
            at each layer is what the scales are made from
    raises  BadModel if there is no image
    """
    prepared = target.with_name(target.name + ".prepared")
    try:
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(prepared).graph
        quantize_static(
            str(prepared),
            str(target),
            _Reader(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            nodes_to_exclude=[*behind_the_weights(graph), *_joined_crops(graph)],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        prepared.unlink(missing_ok=True)


def _joined_crops(graph: onnx.GraphProto) -> list[str]:
    """Where crops of several levels come together.

    A level that none of the pictures had a crop of would get a scale of 1 and no room below 0.
    """
    cut = {name for node in graph.node if node.op_type == "RoiAlign" for name in node.output}
    return [n.name for n in graph.node if n.op_type == "Concat" and cut.intersection(n.input)]


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    def __init__(self, images: Iterable[Images]) -> None:
        self._left: Iterator[Images] = iter(images)
        self._count = 0

    def get_next(self) -> dict[str, Images] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._left, None)
        if image is None:
            if not self._count:
                raise BadModel("int8: wanted at least one picture to calibrate with, got none")
            return None
        self._count += 1
        return {"image": image}
