"""An ONNX file from elsewhere is a model of the zoo's name if it keeps the contract as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models import ZOO, BadModel, BadWeights
from models.export.graph import Graph
from models.session import open_session
from models.spec import Input, Port
from models.store import find, import_model

NAME = "mobilenet-1.0-224"
SPEC = replace(ZOO[NAME], input=Input(8, 8), labels=("cat", "dog"))


def classifier(folder: Path, *, classes: int | str = 2, side: int = 8, name: str = "image") -> Path:
    """How bright a picture is says what it is: for a bright one 1, 0, for a dark one 0, 1."""
    graph = Graph("from elsewhere")
    image = graph.image(Input(side, side))
    bright = graph.add("ReduceMean", [image, graph.integers(1, 2, 3)], {"keepdims": 0})
    column = graph.add("Unsqueeze", [bright, graph.integers(1)])
    dark = graph.add("Sub", [graph.scalar(1.0), column])
    row = graph.add("Concat", [column, dark], {"axis": 1})
    graph.output(Port("probabilities", "float32", ("B", classes)), row)
    made = graph.model({"whose": "theirs"})
    for one in (made.graph.input[0], *made.graph.node):
        for place, text in enumerate(getattr(one, "input", [])):
            one.input[place] = name if text == "image" else text
    made.graph.input[0].name = name
    file = folder / "theirs.onnx"
    file.write_bytes(made.SerializeToString())
    return file


def test_a_file_that_keeps_the_contract_is_taken_as_it_is(tmp_path: Path) -> None:
    theirs = classifier(tmp_path)
    made = import_model(SPEC, [theirs], folder=tmp_path / "home")
    assert made.read_bytes() == theirs.read_bytes()
    session = open_session(made, device="cpu")
    white = np.full((3, 8, 8, 3), 255, np.uint8)
    assert np.array_equal(session.run({"image": white})["probabilities"], [[1, 0]] * 3)
    assert session.metadata["whose"] == "theirs"


def test_it_is_found_by_the_zoos_name_and_made_again(tmp_path: Path) -> None:
    spec = replace(ZOO["vgg16-features"], origin=None)
    graph = Graph("features")
    image = graph.image(spec.input)
    graph.output(
        Port("embedding", "float32", ("B", 3)),
        graph.add("ReduceMean", [image, graph.integers(2, 3)], {"keepdims": 0}),
    )
    theirs = tmp_path / "theirs.onnx"
    theirs.write_bytes(graph.model({}).SerializeToString())
    made = import_model(spec, [theirs], folder=tmp_path / "home")
    assert find("vgg16-features", tmp_path / "home").path == made
    made.unlink()
    assert find("vgg16-features", tmp_path / "home").path == made


def test_a_file_of_another_size_is_refused_with_the_other_way(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"input image: wanted \(B, 8, 8, 3\) uint8, got \(B, 16, 16"
                       r", 3\) uint8; .*own\.onnx and own\.yaml") as error:  # fmt: skip
        import_model(SPEC, [classifier(tmp_path, side=16)], folder=tmp_path / "home")
    assert "theirs.onnx" in str(error.value)
    assert not (tmp_path / "home").exists()


def test_an_onnx_file_of_something_else_is_refused_with_the_other_way(tmp_path: Path) -> None:
    theirs = classifier(tmp_path, name="input_1")
    with pytest.raises(
        BadWeights,
        match=r"theirs\.onnx: wanted weights of mobilenet, or an ONNX file with the inputs image "
        r"and the outputs probabilities of classify, got inputs input_1 and outputs "
        r"probabilities; .*docs/models\.md",
    ):
        import_model(SPEC, [theirs], folder=tmp_path / "home")


def test_an_onnx_file_that_lies_about_its_classes_is_refused(tmp_path: Path) -> None:
    spec = replace(SPEC, labels=("cat", "dog", "cow"))
    with pytest.raises(BadModel, match=r"labels: wanted 2 .*, got 3"):
        import_model(spec, [classifier(tmp_path, classes="C")], folder=tmp_path / "home")


def test_numbers_in_another_file_are_refused_before_anything_opens_it(tmp_path: Path) -> None:
    made = onnx.load(classifier(tmp_path))
    away = made.graph.initializer.add(
        name="away", dims=[3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    away.external_data.add(key="location", value="../../secret")
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(BadWeights, match="wanted its numbers in this file, got in another file"):
        import_model(SPEC, [tmp_path / "a.onnx"], folder=tmp_path / "home")


def test_a_file_that_opens_and_does_not_run_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["image", "shape"], ["flat"]),
        helper.make_node("Cast", ["flat"], ["probabilities"], to=TensorProto.FLOAT),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", 8, 8, 3])
    out = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 2])
    shape = numpy_helper.from_array(np.array([-1, 7], np.int64), "shape")
    graph = helper.make_graph(nodes, "g", [image], [out], [shape])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(BadModel, match=r"a\.onnx: wanted it to run, got from ONNX Runtime: "):
        import_model(SPEC, [tmp_path / "a.onnx"], folder=tmp_path / "home")
