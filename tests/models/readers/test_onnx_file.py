"""Reading the constants of ONNX files that the package onnx wrote."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models import BadWeights
from models.export.graph import WEIGHT, Graph
from models.readers import onnx_file
from models.readers.weights import WeightFile
from models.spec import Input, Port

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


def model(
    initialisers: list[TensorProto], nodes: list[onnx.NodeProto] | None = None
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes or [], "g", [], [], initialisers)
    return helper.make_model(graph)


def read(tmp_path: Path, made: onnx.ModelProto | bytes) -> WeightFile:
    path = tmp_path / "a.onnx"
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return onnx_file.read(path)


def refused(tmp_path: Path, made: onnx.ModelProto | bytes, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, made)
    assert str(caught.value).startswith("a.onnx: ")


@pytest.mark.parametrize(
    "dtype",
    [
        *("float32", "float64", "float16", "bool"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_initialisers(tmp_path: Path, dtype: str, raw: bool) -> None:
    array = np.array([[0, 1], [3, 100]]).astype(dtype)
    if raw:
        tensor = numpy_helper.from_array(array, "w")
    else:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor = helper.make_tensor("w", kind, array.shape, array.ravel())
    found = read(tmp_path, model([tensor]))["w"]
    wanted = array.astype(np.float32) if array.dtype.kind == "f" else array
    assert found.dtype == found.read().dtype.name == wanted.dtype.name
    assert found.shape == (2, 2)
    assert np.array_equal(found.read(), wanted)


def test_negative_numbers_that_are_not_raw(tmp_path: Path) -> None:
    tensors = [
        helper.make_tensor("a", TensorProto.INT64, [3], [-1, 2**40, -(2**62)]),
        helper.make_tensor("b", TensorProto.INT8, [2], [-3, 4]),
        helper.make_tensor("c", TensorProto.FLOAT16, [2], [-1.5, 2]),
    ]
    weights = read(tmp_path, model(tensors))
    assert weights["a"].read().tolist() == [-1, 2**40, -(2**62)]
    assert weights["b"].read().tolist() == [-3, 4]
    assert weights["c"].read().tolist() == [-1.5, 2]


def test_constant_nodes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(NUMBERS, "other")),
        helper.make_node("Constant", [], ["b"], value_float=0.5),
        helper.make_node("Constant", [], ["c"], value_floats=[1.5, 2]),
        helper.make_node("Constant", [], ["d"], value_int=-9),
        helper.make_node("Constant", [], ["e"], value_ints=[-1, 5]),
        helper.make_node("Constant", [], ["f"], value_string="text"),
        helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2]),
    ]
    weights = read(tmp_path, model([numpy_helper.from_array(NUMBERS, "w")], nodes))
    assert list(weights) == ["w", "a", "b", "c", "d", "e"]
    assert np.array_equal(weights["a"].read(), NUMBERS)
    assert [weights[name].read().tolist() for name in "bcde"] == [0.5, [1.5, 2], -9, [-1, 5]]
    assert weights.notes["passed_over"] == ("f",)


def test_constants_without_numbers_are_noted(tmp_path: Path) -> None:
    tensors = [
        numpy_helper.from_array(NUMBERS, "w"),
        helper.make_tensor("roi", TensorProto.FLOAT, [0], []),
        numpy_helper.from_array(np.empty((0, 4), np.float32), "none"),
    ]
    weights = read(tmp_path, model(tensors))
    assert list(weights) == ["w"]
    assert weights.notes["empty"] == ("roi", "none")


def test_numbers_lie_in_the_file_until_they_are_read(tmp_path: Path) -> None:
    stored = read(tmp_path, model([numpy_helper.from_array(NUMBERS, "w")]))["w"]
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(BadWeights, match="tensor w: wanted 24 bytes"):
        stored.read()


def changed(**fields: object) -> onnx.ModelProto:
    tensor = numpy_helper.from_array(NUMBERS, "w")
    for name, value in fields.items():
        if isinstance(value, list):
            del getattr(tensor, name)[:]
            getattr(tensor, name).extend(value)
        else:
            setattr(tensor, name, value)
    return model([tensor])


def test_data_in_other_files_is_refused(tmp_path: Path) -> None:
    outside = TensorProto(name="w", data_type=1, dims=[2])
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    refused(tmp_path, model([outside]), "tensor w: wanted its numbers in this file, got in another")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (changed(dims=[2, 4]), "tensor w: (2, 4) float32: wanted 32 bytes, got 24"),
        (changed(dims=[1 << 50]), "float32: wanted 4503599627370496 bytes, got 24"),
        (changed(dims=[-1]), "float32: wanted 73786976294838206460 bytes, got 24"),
        (changed(dims=[1] * 9), "tensor w: axes: wanted at most 8, got 9"),
        (changed(data_type=TensorProto.STRING), "tensor w: data type: wanted one of"),
        (changed(data_type=99), "tensor w: data type: wanted one of"),
        (changed(float_data=[1.0]), "tensor w: wanted raw_data or numbers, got both"),
        (changed(raw_data=b""), "tensor w: (2, 3) float32: wanted 24 bytes, got 0"),
        (changed(name=""), "tensor: wanted a name, got none"),
        (model([]), "graph: wanted constants, got none"),
        (
            model([numpy_helper.from_array(NUMBERS, "w")] * 2),
            "tensor w: wanted once, got twice",
        ),
        (b"", "file: wanted an ONNX file, got no bytes"),
        (changed().SerializeToString()[:-1], "message: wanted a field that ends before byte"),
        (changed().SerializeToString() * 2, "tensor w: wanted once, got twice"),
        (b"GIF89a" * 10, "message: wanted a field"),
    ],
)
def test_a_lying_file_is_refused(
    tmp_path: Path, made: onnx.ModelProto | bytes, message: str
) -> None:
    refused(tmp_path, made, message)


def test_numbers_that_do_not_fill_the_shape_are_refused(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", TensorProto.INT64, [3], [1, 2, 3])
    tensor.int64_data.append(4)
    refused(tmp_path, model([tensor]), "tensor w: (3,): wanted 3 numbers, got 4")


def test_subgraphs_are_refused(tmp_path: Path) -> None:
    inside = helper.make_graph([], "inside", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inside, else_branch=inside)
    made = model([numpy_helper.from_array(NUMBERS, "w")], [node])
    refused(tmp_path, made, "node If: wanted no subgraphs, got one")


def test_sparse_constants_are_refused(tmp_path: Path) -> None:
    made = changed()
    made.graph.sparse_initializer.add()
    refused(tmp_path, made, "graph: wanted dense initialisers, got a sparse one")


def test_a_graph_that_is_written_in_parts_is_read_as_one(tmp_path: Path) -> None:
    graph = Graph("large")
    image = graph.image(Input(4, 4))
    weight = np.arange(4 * WEIGHT, dtype=np.float32).reshape(-1, 1, 1)
    graph.output(Port("y", "float32", ("B", "C", 4, 4)), graph.add("Add", [
        graph.add("ReduceMean", [image, graph.integers(1)], {"keepdims": 1}),
        graph.constant(weight),
    ]))  # fmt: skip
    path = tmp_path / "a.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    found = onnx_file.read(path)
    assert np.array_equal(found["w0"].read(), weight)
    assert (found.notes["inputs"], found.notes["outputs"]) == (("image",), ("y",))
