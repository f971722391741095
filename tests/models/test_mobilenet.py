"""The model of the speed benchmarks is a MobileNet v1, and the same one every time."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.mobilenet import write
from models import Input, ModelSpec
from models.session import open_session


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mobilenet") / "mobilenet.onnx"
    write(path)
    return path


def test_it_has_the_papers_weights_and_multiply_adds(mobilenet: Path) -> None:
    """Howard et al., arXiv:1704.04861, table 4: 569 million multiply-adds, 4.2 million weights."""
    model = onnx.shape_inference.infer_shapes(onnx.load(mobilenet))
    weights = {c.name: tuple(c.dims) for c in model.graph.initializer}
    shapes = {
        info.name: [axis.dim_value for axis in info.type.tensor_type.shape.dim]
        for info in model.graph.value_info
    }
    macs = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            macs += int(np.prod(weights[node.input[1]]) * np.prod(shapes[node.output[0]][2:]))
        elif node.op_type == "Gemm":
            macs += int(np.prod(weights[node.input[1]]))
    assert macs / 1e6 == pytest.approx(569, rel=0.005)
    assert sum(np.prod(shape) for shape in weights.values()) / 1e6 == pytest.approx(4.2, abs=0.05)


@pytest.mark.parametrize("batch", [1, 3])
def test_it_gives_probabilities(mobilenet: Path, batch: int) -> None:
    session = open_session(mobilenet, device="cpu")
    labels = tuple(map(str, range(1000)))
    size = Input(224, 224, fit="stretch")
    session.check_against(ModelSpec("m", "own", "classify", size, labels, "none", "none", None))
    image = np.random.default_rng(0).integers(0, 256, (batch, 224, 224, 3), dtype=np.uint8)
    probabilities = session.run({"image": image})["probabilities"]
    assert probabilities.shape == (batch, 1000)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities.std() > 1e-5  # it does look at the picture


def test_the_same_seed_writes_the_same_file(mobilenet: Path, tmp_path: Path) -> None:
    write(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == mobilenet.read_bytes()
