"""Fewer bits and another engine: the same contract, nearly the same answers, and by how much."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from benchmarks import mobilenet
from benchmarks.zoo import CONVERSIONS, SUBJECTS
from models import ZOO, BadModel, NoDevice
from models.agreement import agreement, overlaps
from models.comparison import largest_difference
from models.engines import timed
from models.export.half import to_fp16
from models.export.quantise import to_int8
from models.feeds import pictures
from models.session import open_session
from models.store import Model
from tests.models.pictures import golden_pictures


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classifier") / "mobilenet.onnx"
    mobilenet.write(path)
    return path


def embedding(folder: Path) -> Path:
    """A user's own model, whose output is what its last weights give."""
    image = helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["B", 8, 8, 3])
    made = helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["B", 16])
    weights = np.random.default_rng(0).normal(0, 0.01, (192, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], "Cast_0", to=onnx.TensorProto.FLOAT),
        helper.make_node("Flatten", ["values"], ["row"], "Flatten_1"),
        helper.make_node("Gemm", ["row", "weights"], ["embedding"], "Gemm_2"),
    ]
    graph = helper.make_graph(
        nodes, "own", [image], [made], [numpy_helper.from_array(weights, "weights")]
    )
    path = folder / "own.onnx"
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path


def kinds(path: Path) -> dict[str, set[int]]:
    """By operator: the types of the weights that its nodes read."""
    graph = onnx.load(path).graph
    types = {one.name: one.data_type for one in graph.initializer}
    found: dict[str, set[int]] = {}
    for node in graph.node:
        found.setdefault(node.op_type, set()).update(types[n] for n in node.input if n in types)
    return found


def test_half_of_the_bits_say_the_same(classifier: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.onnx"
    to_fp16(classifier, half)
    assert half.stat().st_size < 0.51 * classifier.stat().st_size
    assert kinds(half)["Conv"] == {onnx.TensorProto.FLOAT16}
    image = {"image": np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)}
    one, other = (open_session(p, device="cpu").run(image) for p in (classifier, half))
    assert other["probabilities"].dtype == np.float32
    assert agreement("classify", one, other)["largest change"] < 1e-4


def test_an_output_straight_from_the_weights_keeps_its_type(tmp_path: Path) -> None:
    model, half = embedding(tmp_path), tmp_path / "half.onnx"
    to_fp16(model, half)
    assert kinds(half)["Gemm"] == {onnx.TensorProto.FLOAT16}
    image = {"image": np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)}
    one, other = (open_session(p, device="cpu").run(image) for p in (model, half))
    assert other["embedding"].dtype == np.float32
    assert agreement("embed", one, other)["embedding"] > 0.999


def test_boxes_keep_their_places_in_half_precision(
    zoo_model: Callable[[str], Model], tmp_path: Path
) -> None:
    half = tmp_path / "half.onnx"
    model = zoo_model("blazeface-short")
    to_fp16(model.path, half)
    open_session(half, device="cpu").check_against(model.spec)
    image = {"image": golden_pictures(128)}
    one, other = (open_session(p, device="cpu").run(image) for p in (model.path, half))
    assert len(one["boxes"])
    assert agreement("detect", one, other) == {"boxes kept": 1.0, "boxes not new": 1.0}
    assert np.abs(one["boxes"] - other["boxes"]).max() < 0.005


def test_a_quarter_of_the_bits_say_nearly_the_same(
    zoo_model: Callable[[str], Model], tmp_path: Path
) -> None:
    small = tmp_path / "small.onnx"
    model = zoo_model("blazeface-short")
    images = golden_pictures(128)
    to_int8(model.path, small, [image[np.newaxis] for image in images])
    assert "DequantizeLinear" in kinds(small)
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]
    session = open_session(small, device="cpu", threads=2)
    session.check_against(model.spec)
    one = open_session(model.path, device="cpu").run({"image": images})
    assert agreement("detect", one, session.run({"image": images}))["boxes kept"] >= 0.8


def test_what_follows_the_weights_is_not_quantised(classifier: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    images = np.random.default_rng(1).integers(0, 256, (4, 1, 224, 224, 3), np.uint8)
    to_int8(classifier, small, images)
    graph = onnx.load(small).graph
    assert graph.node[-1].op_type == "Softmax"
    assert graph.node[-1].output == ["probabilities"]
    got = open_session(small, device="cpu").run({"image": images[0]})["probabilities"]
    assert got.sum() == pytest.approx(1, abs=1e-3)


def test_nothing_to_calibrate_with_is_an_error(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="at least one picture to calibrate with"):
        to_int8(classifier, tmp_path / "small.onnx", [])
    assert not list(tmp_path.iterdir())


def test_openvino_says_the_same_in_bfloat16(
    zoo_model: Callable[[str], Model],
) -> None:
    pytest.importorskip("openvino", reason="the package openvino is not installed")
    model = zoo_model("blazeface-short")
    try:
        session = open_session(model.path, device="auto", precision="bf16")
    except NoDevice as error:
        pytest.skip(str(error))
    session.check_against(model.spec)
    image = {"image": golden_pictures(128)}
    one = open_session(model.path, device="cpu").run(image)
    other = session.run(image)
    assert agreement("detect", one, other)["boxes kept"] == 1.0
    assert np.abs(one["boxes"] - other["boxes"]).max() < 0.05
    none = session.run({**image, "score_threshold": np.array(1, np.float32)})
    assert len(none["boxes"]) == 0


def test_openvino_calls_nobody() -> None:
    pytest.importorskip("openvino", reason="the package openvino is not installed")
    look = (
        "import sys, threading, models.openvino; "
        "print(sys.modules['openvino_telemetry'], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "1"]


def test_bfloat16_is_not_for_gpus(zoo_model: Callable[[str], Model]) -> None:
    with pytest.raises(NoDevice, match=r"cuda:0|wanted device cpu"):
        open_session(zoo_model("blazeface-short").path, device="cuda:0", precision="bf16")


def test_engines_are_timed_in_processes_of_their_own(classifier: Path, tmp_path: Path) -> None:
    classifier.with_suffix(".yaml").write_text(
        "task: classify\ninput: { width: 224, height: 224, fit: stretch }\nlabels: [a]\n"
    )
    ours, theirs = tmp_path / "ours.npz", tmp_path / "theirs.npz"
    told = timed(str(classifier), "onnxruntime", 1, 0.05, ours)
    assert told.ms > 0
    assert told.runs >= 1
    assert timed(str(classifier), "opencv", 1, 0.05, theirs).cannot == ""
    assert float(largest_difference(ours, theirs)) < 1e-3
    assert "own is not built in Keras" in timed(str(classifier), "keras", 1, 0.05, theirs).cannot


def test_keras_is_timed_without_weights(tmp_path: Path) -> None:
    told = timed("mobilenet-0.25-224", "keras", 1, 0.01, tmp_path / "nothing.npz")
    assert not told.cannot
    assert told.runs >= 1


def test_the_zoo_that_is_measured_has_these_names() -> None:
    assert set(SUBJECTS) <= set(ZOO)
    assert set(CONVERSIONS) <= set(SUBJECTS)


def test_seeded_pictures_are_the_same_every_time(zoo_model: Callable[[str], Model]) -> None:
    spec = zoo_model("blazeface-short").spec
    assert pictures(spec, 2).shape == (2, 128, 128, 3)
    assert (pictures(spec) == pictures(spec)).all()


def test_overlap_is_shared_area_over_the_whole() -> None:
    a = np.array([[0, 0, 2, 2]], np.float32)
    b = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    assert overlaps(a, b).tolist() == [pytest.approx([1 / 7, 1, 0])]
