"""The same model in float16, for GPUs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from models.export.learnt import LEARNT, behind_the_weights

ARITHMETIC = frozenset(
    {"Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool",
     "Mul", "PRelu", "Pad", "Relu", "Reshape", "Sigmoid", "Tanh", "Transpose"}
)  # fmt: skip


def to_fp16(model: Path, target: Path) -> None:
    """Write a model with float16 inside; inputs and outputs keep their types.

    Faster on GPUs; slower on CPUs, which have no such arithmetic. Learnt layers and what is plain
    arithmetic between them are halved; coordinates of boxes stay in float32, since float16 tells
    only 2,048 places along a side apart.
    """
    loaded = onnx.load(model)
    _Halving(loaded).run()
    onnx.save(loaded, target)


class _Halving:
    """Turns the learnt part of a graph to float16, with casts where it begins and ends."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        inferred = shape_inference.infer_shapes(model).graph
        known = [*inferred.value_info, *inferred.input, *inferred.output]
        self._floats = {
            value.name for value in known if value.type.tensor_type.elem_type == TensorProto.FLOAT
        }
        self._constants = {
            one.name: one for one in self._graph.initializer if one.data_type == TensorProto.FLOAT
        }
        self._outputs = {value.name for value in self._graph.output}
        self._halves: set[str] = set()
        self._cast: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._ends: list[onnx.NodeProto] = []  # casts behind a node that gives an output

    def run(self) -> None:
        behind = set(behind_the_weights(self._graph))
        for node in self._graph.node:
            if node.name not in behind and self._can_be_halved(node):
                self._halve(node)
            else:
                for place, name in enumerate(node.input):
                    if name in self._halves:
                        node.input[place] = self._as(name, TensorProto.FLOAT)
            self._nodes += [node, *self._ends]
            self._ends.clear()
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        del self._graph.value_info[:]
        read = {name for node in self._graph.node for name in node.input}
        kept = [one for one in self._graph.initializer if one.name in read]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _can_be_halved(self, node: onnx.NodeProto) -> bool:
        if node.op_type in LEARNT:
            return True
        floats = [name for name in node.input if name in self._floats]
        return node.op_type in ARITHMETIC and bool(floats) and self._halves.issuperset(floats)

    def _halve(self, node: onnx.NodeProto) -> None:
        for place, name in enumerate(node.input):
            if name in self._constants:
                node.input[place] = self._constant(name)
            elif name in self._floats and name not in self._halves:
                node.input[place] = self._as(name, TensorProto.FLOAT16)
        for place, name in enumerate(node.output):
            if name not in self._floats:
                continue
            if name in self._outputs:
                node.output[place] = f"{name}_half"
                self._ends.append(
                    helper.make_node(
                        "Cast", [f"{name}_half"], [name], f"Cast_{name}", to=TensorProto.FLOAT
                    )
                )
            else:
                self._halves.add(name)

    def _constant(self, name: str) -> str:
        if name not in self._cast:
            half = numpy_helper.to_array(self._constants[name]).astype(np.float16)
            self._cast[name] = f"{name}_half"
            self._graph.initializer.append(numpy_helper.from_array(half, self._cast[name]))
        return self._cast[name]

    def _as(self, name: str, kind: int) -> str:
        if name not in self._cast:
            self._cast[name] = f"{name}_cast"
            self._nodes.append(
                helper.make_node("Cast", [name], [self._cast[name]], f"Cast_{name}", to=kind)
            )
        return self._cast[name]
