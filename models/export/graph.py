"""A small writer of ONNX graphs: a node is added by its operator, a value is a name.

Nothing here knows a weight format. Images are uint8, NHWC outside and NCHW inside, as every runtime
likes them best.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from models.spec import Input, Port

Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]
Array = NDArray[np.generic]

OPSET = 18  # the newest that TensorRT 10 and OpenCV 5 read in full
WEIGHT = 1 << 18  # bytes: an array at least as large is kept as it is until the file is written
IR_VERSION = 9  # the one that goes with opset 18 to 20


class Graph:
    """A graph while it is being written.

    Every method that makes a value returns its name, to be handed to the next node.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._told: dict[str, str] = {}
        self._weights: dict[str, Array] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def tell(self, name: str, text: str) -> None:
        """Keep a text in the file's metadata, for who runs it."""
        self._told[name] = text

    def input(self, port: Port) -> str:
        """Declare an input; a letter in the port's shape is a dynamic axis."""
        self._inputs.append(_value_info(port))
        return port.name

    def option(
        self, name: str, default: float | NDArray[np.float32], shape: tuple[int | str, ...] = ()
    ) -> str:
        """A float32 input that may be left out: then it is `default`.

        shape  of the input, with a letter where another length than the default's may be given
        """
        self._inputs.append(_value_info(Port(name, "float32", shape)))
        self._constants.append(numpy_helper.from_array(np.asarray(default, np.float32), name))
        return name

    def output(self, port: Port, value: str) -> None:
        """Give `value` out under the port's name."""
        self._outputs.append(_value_info(port))
        self._nodes.append(helper.make_node("Identity", [value], [port.name]))

    def constant(self, array: Array) -> str:
        """A value known now; the same array is written once, unless it is large."""
        # np.ascontiguousarray would make an array of one axis out of a scalar.
        array = np.asarray(array, order="C")
        if array.nbytes >= WEIGHT:
            name = f"w{len(self._weights)}"
            self._weights[name] = array
            return name
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._known:
            self._known[key] = f"c{len(self._known)}"
            self._constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def scalar(self, value: float) -> str:
        """A float32 constant without axes."""
        return self.constant(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        """An int64 constant of one axis: a shape, axes, padding."""
        return self.constant(np.array(values, np.int64))

    def add(
        self, op: str, inputs: Sequence[str], attributes: Mapping[str, Attribute] | None = None
    ) -> str:
        """Add a node with one output, and return the name of that.

        inputs  names of values; "" for an optional input that is left out
        """
        return self.add_many(op, inputs, 1, attributes)[0]

    def add_many(
        self,
        op: str,
        inputs: Sequence[str],
        outputs: int,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> tuple[str, ...]:
        """Add a node with several outputs, and return their names."""
        number = len(self._nodes)
        names = tuple(f"{op.lower()}{number}_{i}" for i in range(outputs))
        node = helper.make_node(op, list(inputs), list(names), name=f"{op}_{number}")
        for key, value in (attributes or {}).items():
            node.attribute.append(helper.make_attribute(key, value))
        self._nodes.append(node)
        return names

    def image(self, wanted: Input) -> str:
        """The input `image`, (B, height, width, 3) uint8, as (B, 3, height, width) float32.

        Every value becomes (value - mean) / std. Turning it to NCHW while it is still bytes moves
        a quarter of the memory.
        """
        image = self.input(Port("image", "uint8", ("B", wanted.height, wanted.width, 3)))
        planes = self.add("Transpose", [image], {"perm": (0, 3, 1, 2)})
        value = self.add("Cast", [planes], {"to": onnx.TensorProto.FLOAT})
        scale = 1 / np.array(wanted.std)
        shift = -np.array(wanted.mean) * scale
        value = self.add("Mul", [value, self._channels(scale)])
        return self.add("Add", [value, self._channels(shift)]) if shift.any() else value

    def _channels(self, values: NDArray[np.float64]) -> str:
        """One number where all channels have the same, else one each."""
        if (values == values[0]).all():
            return self.scalar(values[0])
        return self.constant(values.astype(np.float32).reshape(3, 1, 1))

    def model(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The finished model, checked by ONNX's own checker, shapes included.

        raises  onnx.checker.ValidationError, onnx.shape_inference.InferenceError
        """
        model = self._model(metadata)
        for name, array in self._weights.items():
            model.graph.initializer.append(numpy_helper.from_array(array, name))
        return model

    def write(self, file: BinaryIO, metadata: Mapping[str, str]) -> None:
        """Write the finished model, checked as `model` does, without a second copy of its weights.

        A message of Protocol Buffers that is written in parts is read as one: the graph comes
        first, and each weight behind it as one more initialiser of that graph.
        """
        file.write(self._model(metadata).SerializeToString())
        for name, array in self._weights.items():
            head = onnx.TensorProto(
                name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype)
            ).SerializeToString()
            tensor = head + _field(_RAW_DATA, array.nbytes)
            initializer = _field(_INITIALIZER, len(tensor) + array.nbytes) + tensor
            file.write(_field(_GRAPH, len(initializer) + array.nbytes) + initializer)
            file.write(array.reshape(-1).view(np.uint8).data)

    def _model(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model without its weights. For the check they stand in as inputs."""
        stand_ins = [
            _value_info(Port(name, array.dtype.name, array.shape))
            for name, array in self._weights.items()
        ]
        graph = helper.make_graph(
            self._nodes, self.name, [*self._inputs, *stand_ins], self._outputs, self._constants
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="framewire",
        )
        helper.set_model_props(model, self._told | dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        del model.graph.input[len(self._inputs) :]
        return model


# Numbers of the fields in onnx.proto: ModelProto.graph, GraphProto.initializer,
# TensorProto.raw_data.
_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9


def _field(number: int, length: int) -> bytes:
    """The head of a field that holds `length` bytes: its number and wire type 2, and the length."""
    return bytes([number << 3 | 2]) + _varint(length)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _value_info(port: Port) -> onnx.ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
    return helper.make_tensor_value_info(port.name, dtype, list(port.shape))
