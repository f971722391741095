"""Sessions: shared, safe to share, held to their contract, and honest about devices."""

import gc
import os
import re
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from models import BadModel, BadShape, Input, MissingModel, ModelSpec, NoDevice
from models.export.graph import Graph
from models.session import cores, describe_devices, open_session
from models.spec import Port, Task
from models.store import Model
from tests.models.pictures import golden_pictures

ROOT = Path(__file__).parents[2]
IMAGE = Port("image", "uint8", ("B", 4, 6, 3))
PROBABILITIES = Port("probabilities", "float32", ("B", "C"))


def spec(task: Task = "classify", labels: int = 3, points: tuple[str, ...] = ()) -> ModelSpec:
    names = tuple(f"label {i}" for i in range(labels))
    size = Input(6, 4, fit="stretch")
    return ModelSpec("tiny", "own", task, size, names, "none", "none", None, points)


def write(folder: Path, *inputs: Port, outputs: tuple[Port, ...], name: str = "tiny") -> Path:
    """A model whose outputs are constants, each letter of their shapes 1: it is not run."""
    graph = Graph(name)
    for port in inputs:
        graph.input(port)
    for port in outputs:
        shape = [1 if isinstance(axis, str) else axis for axis in port.shape]
        graph.output(port, graph.constant(np.zeros(shape, port.dtype)))
    path = folder / f"{name}.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    return path


def write_mean(folder: Path, name: str = "mean") -> Path:
    """A classifier of three classes: the mean of each channel, plus an offset, 0 by default."""
    graph = Graph(name)
    planes = graph.image(Input(6, 4))
    means = graph.add("ReduceMean", [planes, graph.integers(2, 3)], {"keepdims": 0})
    means = graph.add("Add", [means, graph.option("offset", 0.0)])
    graph.output(Port("probabilities", "float32", ("B", 3)), means)
    path = folder / f"{name}.onnx"
    path.write_bytes(graph.model({"colour": "red"}).SerializeToString())
    return path


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, 4, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 3])
def test_a_batch_of_any_size_runs(tmp_path: Path, count: int) -> None:
    got = open_session(write_mean(tmp_path), device="cpu").run({"image": pictures(count)})
    assert got["probabilities"].shape == (count, 3)
    wanted = pictures(count).mean(axis=(1, 2)) / 255
    assert np.allclose(got["probabilities"], wanted, atol=1e-6)


def test_a_picture_that_does_not_lie_in_one_piece_gives_the_same(tmp_path: Path) -> None:
    session = open_session(write_mean(tmp_path), device="cpu")
    mirrored = pictures(2)[:, :, ::-1]
    assert not mirrored.flags.c_contiguous
    got = session.run({"image": mirrored})["probabilities"]
    assert np.allclose(got, session.run({"image": pictures(2)})["probabilities"], atol=1e-6)


def test_an_input_with_a_default_can_be_given(tmp_path: Path) -> None:
    session = open_session(write_mean(tmp_path), device="cpu")
    assert not session.inputs["offset"].required
    plain = session.run({"image": pictures(1)})["probabilities"]
    moved = session.run({"image": pictures(1), "offset": np.array(2, np.float32)})["probabilities"]
    assert np.allclose(moved, plain + 2)


def test_results_stay_as_they_are_when_the_session_runs_again(tmp_path: Path) -> None:
    session = open_session(write_mean(tmp_path), device="cpu")
    first = session.run({"image": pictures(1)})["probabilities"]
    kept = first.copy()
    session.run({"image": 255 - pictures(1)})
    assert np.array_equal(first, kept)


def test_metadata_is_read(tmp_path: Path) -> None:
    assert open_session(write_mean(tmp_path), device="cpu").metadata["colour"] == "red"


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "mean.onnx: input image: wanted an array, got none"),
        (
            {"image": pictures(1).astype(np.float32)},
            "mean.onnx: input image: wanted (B, 4, 6, 3) uint8, got (1, 4, 6, 3) float32",
        ),
        (
            {"image": pictures(1)[:, :3]},
            "mean.onnx: input image: wanted (B, 4, 6, 3) uint8, got (1, 3, 6, 3) uint8",
        ),
        (
            {"image": pictures(1)[0]},
            "mean.onnx: input image: wanted (B, 4, 6, 3) uint8, got (4, 6, 3) uint8",
        ),
        (
            {"image": pictures(1), "frame": pictures(1)},
            "mean.onnx: wanted inputs among image, offset, got frame",
        ),
    ],
)
def test_a_wrong_array_is_named(tmp_path: Path, feeds: dict[str, np.ndarray], message: str) -> None:
    session = open_session(write_mean(tmp_path), device="cpu")
    with pytest.raises(BadShape, match=re.escape(message)):
        session.run(feeds)


def test_who_opens_the_same_file_shares_the_session(tmp_path: Path) -> None:
    path = write_mean(tmp_path)
    first = open_session(path, device="cpu")
    assert open_session(str(path), device="cpu") is first
    assert open_session(tmp_path / ".." / tmp_path.name / path.name, device="cpu") is first
    assert open_session(write_mean(tmp_path, "other"), device="cpu") is not first


def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    path = write_mean(tmp_path)
    first = open_session(path, device="cpu")
    data, before = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(data)
    os.utime(path, ns=(before + 1_000_000, before + 1_000_000))
    assert open_session(path, device="cpu") is not first


def test_a_session_that_nobody_holds_is_gone(tmp_path: Path) -> None:
    session = open_session(write_mean(tmp_path), device="cpu")
    watched = weakref.ref(session)
    del session
    gc.collect()
    assert watched() is None


def test_many_threads_get_each_their_own_answer(tmp_path: Path) -> None:
    path = write_mean(tmp_path)

    def mean(value: int) -> float:
        picture = np.full((1, 4, 6, 3), value, np.uint8)
        out = open_session(path, device="cpu").run({"image": picture})["probabilities"]
        return float(out[0, 0])

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(mean, range(256)))
    assert np.allclose(got, np.arange(256) / 255, atol=1e-6)


def test_threads_are_the_cores_divided_by_what_runs_at_the_same_time(tmp_path: Path) -> None:
    alone = open_session(write_mean(tmp_path, "alone"), device="cpu")
    crowded = open_session(write_mean(tmp_path, "crowded"), device="cpu", parallel=1000)
    chosen = open_session(write_mean(tmp_path, "chosen"), device="cpu", threads=3)
    assert [alone.threads, crowded.threads, chosen.threads] == [cores(), 1, 3]
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


def test_a_model_that_keeps_its_contract_passes(tmp_path: Path) -> None:
    open_session(write_mean(tmp_path), device="cpu").check_against(spec())


BOXES = (
    Port("boxes", "float32", ("N", 4)),
    Port("scores", "float32", ("N",)),
    Port("classes", "int64", ("N",)),
    Port("batch", "int64", ("N",)),
)


@pytest.mark.parametrize(
    ("inputs", "outputs", "against", "message"),
    [
        (
            [Port("frame", "uint8", ("B", 4, 6, 3))],
            (PROBABILITIES,),
            spec(),
            "input image: wanted one, got only frame",
        ),
        (
            [Port("image", "float32", ("B", 4, 6, 3))],
            (PROBABILITIES,),
            spec(),
            "input image: wanted (B, 4, 6, 3) uint8, got (B, 4, 6, 3) float32",
        ),
        (
            [Port("image", "uint8", ("B", 3, 4, 6))],
            (PROBABILITIES,),
            spec(),
            "input image: wanted (B, 4, 6, 3) uint8, got (B, 3, 4, 6) uint8",
        ),
        (
            [Port("image", "uint8", (1, 4, 6, 3))],
            (PROBABILITIES,),
            spec(),
            "input image: wanted (B, 4, 6, 3) uint8, got (1, 4, 6, 3) uint8",
        ),
        (
            [IMAGE, Port("mask", "uint8", ("B",))],
            (PROBABILITIES,),
            spec(),
            "input mask: wanted none but image, got it as well",
        ),
        (
            [IMAGE],
            (Port("logits", "float32", ("B", "C")),),
            spec(),
            "output probabilities: wanted one, got only logits",
        ),
        (
            [IMAGE],
            (Port("probabilities", "float32", ("B", 5)),),
            spec(labels=3),
            "output probabilities: wanted (B, 3) float32, got (1, 5) float32",
        ),
        (
            [IMAGE],
            (*BOXES[:2], Port("classes", "int32", ("N",)), BOXES[3]),
            spec("detect"),
            "output classes: wanted (N) int64, got (1) int32",
        ),
        (
            [IMAGE],
            BOXES,
            spec("detect", points=("nose",)),
            "output points: wanted one, for the spec's key points, got none",
        ),
        (
            [IMAGE],
            (*BOXES, Port("points", "float32", ("N", 5, 2))),
            spec("detect", points=("nose",)),
            "output points: wanted (N, 1, 2) float32, got (1, 5, 2) float32",
        ),
    ],
)
def test_a_model_that_does_not_is_named_with_what_is_wrong(
    tmp_path: Path, inputs: list[Port], outputs: tuple[Port, ...], against: ModelSpec, message: str
) -> None:
    session = open_session(write(tmp_path, *inputs, outputs=outputs), device="cpu")
    with pytest.raises(BadModel, match=re.escape(message)):
        session.check_against(against)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(BadModel, match=r"broken\.onnx: ONNX Runtime cannot open it on cpu"):
        open_session(path, device="cpu")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"gone\.onnx: wanted an ONNX file, got nothing"):
        open_session(tmp_path / "gone.onnx")


@pytest.mark.parametrize("device", ["gpu", "cuda", "cuda:x", "cuda:-1", ""])
def test_a_device_that_cannot_be_is_refused(tmp_path: Path, device: str) -> None:
    message = f"wanted auto, cpu, cuda:N or tensorrt:N, got {device!r}"
    with pytest.raises(NoDevice, match=re.escape(message)):
        open_session(write_mean(tmp_path), device=device)


def usable(name: str) -> bool:
    return any(device.name == name and device.usable for device in describe_devices())


def test_the_cpu_is_always_there_and_the_rest_is_explained() -> None:
    devices = {device.name: device for device in describe_devices()}
    assert devices["cpu"].usable
    assert f"{cores()} cores" in devices["cpu"].detail
    assert {"cuda:0", "tensorrt:0"} <= set(devices)
    assert all(device.detail for device in devices.values())


def test_auto_is_cuda_where_it_can_be_used_and_the_cpu_elsewhere(tmp_path: Path) -> None:
    session = open_session(write_mean(tmp_path))
    assert session.device == ("cuda:0" if usable("cuda:0") else "cpu")
    assert open_session(session.path, device=session.device) is session


def test_cuda_where_there_is_none_says_what_is_missing(tmp_path: Path) -> None:
    if usable("cuda:0"):
        pytest.skip("this machine has CUDA")
    with pytest.raises(NoDevice, match=r"^device cuda:0: .*pip install"):
        open_session(write_mean(tmp_path), device="cuda:0")


def test_cuda_gives_the_same_numbers(tmp_path: Path) -> None:
    if not usable("cuda:0"):
        pytest.skip("no usable CUDA device")
    path = write_mean(tmp_path)
    feeds = {"image": pictures(3), "offset": np.array(1, np.float32)}
    on_gpu = open_session(path, device="cuda:0").run(feeds)["probabilities"]
    on_cpu = open_session(path, device="cpu").run(feeds)["probabilities"]
    assert np.allclose(on_gpu, on_cpu, rtol=1e-3)


def test_looking_for_devices_prints_nothing(tmp_path: Path) -> None:
    """ONNX Runtime's own complaints about libraries do not reach the terminal."""
    write_mean(tmp_path)
    program = (
        "import sys\n"
        "from models import NoDevice\n"
        "from models.session import describe_devices, open_session\n"
        "describe_devices()\n"
        "open_session(sys.argv[1])\n"
        "try: open_session(sys.argv[1], device='cuda:0')\n"
        "except NoDevice: pass\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "mean.onnx")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_real_models_open_on_this_machines_best_device(
    zoo_model: Callable[[str], Model],
) -> None:
    model = zoo_model("blazeface-short")
    session = open_session(model.path)
    session.check_against(model.spec)
    assert session.run({"image": golden_pictures(128)})["batch"].tolist() == [0, 1, 1, 2, 3]
