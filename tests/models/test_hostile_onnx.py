"""An ONNX file from a stranger reads no other file of ours and loads no code, in either engine."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models import BadModel, NoDevice
from models.session import open_session
from models.spec import Precision
from models.store import find

SECRET = np.array([4, 7, 1, 1], np.float32).tobytes()
SIDECAR = "{task: embed, input: {width: 4, height: 4}, labels: []}\n"


def away(location: str) -> TensorProto:
    """Four numbers that lie in another file."""
    tensor = TensorProto(
        name="away", dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value=location)
    return tensor


def held(tensor: TensorProto, nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
    return helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
        [tensor] if tensor.name else [],
    )


def as_initialiser(location: str) -> onnx.GraphProto:
    return held(away(location), [helper.make_node("Add", ["x", "away"], ["y"])])


def as_constant(location: str) -> onnx.GraphProto:
    tensor = away(location)
    tensor.name = ""
    nodes = [
        helper.make_node("Constant", [], ["away"], value=tensor),
        helper.make_node("Add", ["x", "away"], ["y"]),
    ]
    return held(tensor, nodes)


def write(folder: Path, graph: onnx.GraphProto, domain: str = "") -> Path:
    domains = [helper.make_opsetid("", 18)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=domains, ir_version=10)
    (folder / "model").mkdir(exist_ok=True)
    path = folder / "model" / "a.onnx"
    path.write_bytes(model.SerializeToString())
    path.with_suffix(".yaml").write_text(SIDECAR)
    return path


def opened(path: Path, precision: Precision) -> None:
    """Open it as `model: a.onnx` does."""
    try:
        open_session(find(str(path)).path, device="cpu", precision=precision)
    except NoDevice as error:
        pytest.skip(f"wanted an engine for {precision}: {error}")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("graph", [as_initialiser, as_constant])
@pytest.mark.parametrize("location", ["../secret", "{}/secret", "link", "sub/../../secret"])
def test_numbers_outside_the_models_folder_are_not_read(
    location: str, graph: Callable[[str], onnx.GraphProto], precision: Precision, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    path = write(tmp_path, graph(location.format(tmp_path)))
    (path.parent / "link").symlink_to(tmp_path / "secret")
    (path.parent / "sub").mkdir()
    with pytest.raises(BadModel, match=re.escape(str(path))):
        opened(path, precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_numbers_in_the_models_folder_are(precision: Precision, tmp_path: Path) -> None:
    path = write(tmp_path, as_initialiser("weights"))
    (path.parent / "weights").write_bytes(SECRET)
    opened(path, precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("my.own", "RunMyLibrary"),
        ("ai.onnx.contrib", "PyOp"),  # Python, in onnxruntime-extensions
        ("com.microsoft", "EPContext"),  # a compiled engine in a file beside
    ],
)
def test_operators_that_want_a_library_are_refused(
    domain: str, kind: str, precision: Precision, tmp_path: Path
) -> None:
    node = helper.make_node(kind, ["x"], ["y"], domain=domain, ep_cache_context="../secret")
    path = write(tmp_path, held(TensorProto(), [node]), domain)
    with pytest.raises(BadModel, match=re.escape(str(path))):
        opened(path, precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_no_onnx_is_refused(precision: Precision, tmp_path: Path) -> None:
    path = write(tmp_path, as_initialiser("weights"))
    path.write_bytes(b"\x08" + path.read_bytes())
    with pytest.raises(BadModel, match=re.escape(str(path))):
        opened(path, precision)
