"""Makes small .tflite files, right ones and wrong ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray


@dataclass
class T:
    """A tensor to write. `data` None: not a constant. `scales` empty: not quantised."""

    name: str
    shape: Sequence[int]
    type: int = tflite.TensorType.FLOAT32
    data: NDArray[np.generic] | None = None
    scales: Sequence[float] = ()
    zeros: Sequence[int] = ()
    axis: int = 0


@dataclass
class Op:
    """An operator to write. `options` writes a table and gives its code of BuiltinOptions."""

    code: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Callable[[flatbuffers.Builder], tuple[int, int]] | None = None


@dataclass
class File:
    tensors: Sequence[T]
    operators: Sequence[Op] = ()
    inputs: Sequence[int] = (0,)
    outputs: Sequence[int] = field(default_factory=tuple)

    def to_bytes(self) -> bytes:
        b = flatbuffers.Builder()
        buffers, tensors = [self._buffer(b, None)], []
        known = {id(None): 0}  # tensors with the very same array share its buffer
        for tensor in self.tensors:
            if id(tensor.data) not in known:
                known[id(tensor.data)] = len(buffers)
                buffers.append(self._buffer(b, tensor.data))
            tensors.append(self._tensor(b, tensor, known[id(tensor.data)]))
        codes = [self._code(b, op.code) for op in self.operators]
        operators = [self._operator(b, op, i) for i, op in enumerate(self.operators)]
        graph = self._graph(b, tensors, operators)
        graphs = offsets(b, tflite.ModelStartSubgraphsVector, [graph])
        all_codes = offsets(b, tflite.ModelStartOperatorCodesVector, codes)
        all_buffers = offsets(b, tflite.ModelStartBuffersVector, buffers)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, 3)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddOperatorCodes(b, all_codes)
        tflite.ModelAddBuffers(b, all_buffers)
        b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
        return bytes(b.Output())

    def _graph(self, b: flatbuffers.Builder, tensors: list[int], operators: list[int]) -> int:
        all_tensors = offsets(b, tflite.SubGraphStartTensorsVector, tensors)
        all_operators = offsets(b, tflite.SubGraphStartOperatorsVector, operators)
        inputs = b.CreateNumpyVector(np.array(self.inputs, np.int32))
        outputs = b.CreateNumpyVector(np.array(self.outputs, np.int32))
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, all_tensors)
        tflite.SubGraphAddOperators(b, all_operators)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        return tflite.SubGraphEnd(b)

    @staticmethod
    def _buffer(b: flatbuffers.Builder, data: NDArray[np.generic] | None) -> int:
        raw = None if data is None else b.CreateByteVector(data.tobytes())
        tflite.BufferStart(b)
        if raw is not None:
            tflite.BufferAddData(b, raw)
        return tflite.BufferEnd(b)

    @staticmethod
    def _tensor(b: flatbuffers.Builder, tensor: T, buffer: int) -> int:
        name = b.CreateString(tensor.name)
        shape = b.CreateNumpyVector(np.array(tensor.shape, np.int32))
        scales = b.CreateNumpyVector(np.array(tensor.scales, np.float32))
        zeros = b.CreateNumpyVector(np.array(tensor.zeros, np.int64))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scales)
        tflite.QuantizationParametersAddZeroPoint(b, zeros)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quantisation = tflite.QuantizationParametersEnd(b)
        tflite.TensorStart(b)
        tflite.TensorAddName(b, name)
        tflite.TensorAddShape(b, shape)
        tflite.TensorAddType(b, tensor.type)
        tflite.TensorAddBuffer(b, buffer)
        tflite.TensorAddQuantization(b, quantisation)
        return tflite.TensorEnd(b)

    @staticmethod
    def _code(b: flatbuffers.Builder, code: int) -> int:
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
        tflite.OperatorCodeAddBuiltinCode(b, code)
        return tflite.OperatorCodeEnd(b)

    @staticmethod
    def _operator(b: flatbuffers.Builder, op: Op, code: int) -> int:
        kind, table = op.options(b) if op.options else (0, None)
        inputs = b.CreateNumpyVector(np.array(op.inputs, np.int32))
        outputs = b.CreateNumpyVector(np.array(op.outputs, np.int32))
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, inputs)
        tflite.OperatorAddOutputs(b, outputs)
        if table is not None:
            tflite.OperatorAddBuiltinOptionsType(b, kind)
            tflite.OperatorAddBuiltinOptions(b, table)
        return tflite.OperatorEnd(b)


def conv_options(stride: int, padding: int) -> Callable[[flatbuffers.Builder], tuple[int, int]]:
    def write(b: flatbuffers.Builder) -> tuple[int, int]:
        tflite.Conv2DOptionsStart(b)
        tflite.Conv2DOptionsAddPadding(b, padding)
        tflite.Conv2DOptionsAddStrideH(b, stride)
        tflite.Conv2DOptionsAddStrideW(b, stride)
        tflite.Conv2DOptionsAddDilationHFactor(b, 1)
        tflite.Conv2DOptionsAddDilationWFactor(b, 1)
        return tflite.BuiltinOptions.Conv2DOptions, tflite.Conv2DOptionsEnd(b)

    return write


def resize_options(
    *, aligned: bool, half_pixel: bool
) -> Callable[[flatbuffers.Builder], tuple[int, int]]:
    def write(b: flatbuffers.Builder) -> tuple[int, int]:
        tflite.ResizeBilinearOptionsStart(b)
        tflite.ResizeBilinearOptionsAddAlignCorners(b, aligned)
        tflite.ResizeBilinearOptionsAddHalfPixelCenters(b, half_pixel)
        return tflite.BuiltinOptions.ResizeBilinearOptions, tflite.ResizeBilinearOptionsEnd(b)

    return write


def offsets(
    b: flatbuffers.Builder, start: Callable[[flatbuffers.Builder, int], int], items: Sequence[int]
) -> int:
    start(b, len(items))
    for item in reversed(items):
        b.PrependUOffsetTRelative(item)
    return b.EndVector()
