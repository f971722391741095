"""Readers of weight files, and valid files for each, which are broken as a whole or in a part."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import tflite as schema
from onnx import TensorProto, helper, numpy_helper

from models.families import head, yolov2_cfg, yolov2_layers
from models.readers import darknet, h5, matconvnet, npz, onnx_file, tfjs, tflite, torch7, torch_pt
from models.readers.weights import WeightFile
from tests.fuzz.subject import Parts, Sample, Subject
from tests.models import darknet_file
from tests.models.readers import h5_file, mat_file, t7_file, torch_file
from tests.models.tflite_file import File, Op, T, conv_options


def drain(read: Callable[[Path], WeightFile]) -> Callable[[Path], None]:
    """Read a file and every tensor in it, as a whole and in parts: as the reader said before."""

    def run(path: Path) -> None:
        for name, stored in read(path).items():
            array = stored.read()
            got, said = (array.shape, array.dtype.name), (stored.shape, stored.dtype)
            if got != said:
                raise AssertionError(f"{name}: said {said}, is {got}")
            parts = np.empty(stored.shape, stored.dtype)
            for where, part in stored.parts():
                parts[where] = part
            if parts.tobytes() != array.tobytes():
                raise AssertionError(f"{name}: other numbers in parts than as a whole")

    return run


def made(write: Callable[[Path], object], name: str) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return Sample({name: path.read_bytes()})


def h5_samples() -> list[Sample]:
    many = {f"conv{i}": {f"conv{i}/kernel:0": np.ones((2, 3), np.float32)} for i in range(40)}
    return [
        made(h5_file.write, "a.h5"),
        made(h5_file.write_whole, "a.h5"),
        made(lambda path: h5_file.write(path, chunks=(2, 2), text=True), "a.h5"),
        made(lambda path: h5_file.write(path, many), "a.h5"),
    ]


STATE = {
    "module.conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "module.conv.bias": np.ones(2, np.float16),
    "module.view": torch_file.T(np.arange(12.0), (2, 3), (1, 4), 1),
    "module.steps": np.array(7),
}


def torch_samples() -> list[Sample]:
    root = {"model": STATE, "epoch": 3, "best": 0.5}

    def pack(parts: Parts) -> Parts:
        return {"a.pt": torch_file.zipped(parts)}

    return [
        Sample({"a.pt": torch_file.new(root)}),
        Sample(torch_file.members(root), pack),
        Sample({"a.pt": torch_file.legacy(root)}),
        Sample({"a.pt": torch_file.legacy(STATE)}),
    ]


def t7_samples() -> list[Sample]:
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    conv = t7_file.Obj("nn.SpatialConvolution", {"weight": weight, "train": True, "pad": 1})
    bias = t7_file.T(weight, (2,), (3,), 2)
    norm = t7_file.Obj("nn.BatchNormalization", {"running_mean": np.ones(3), "bias": bias})
    net = t7_file.Obj("nn.Sequential", {"modules": [conv, norm, conv], "name": "small"})
    return [
        Sample({"a.t7": t7_file.made(net)}),
        Sample({"a.t7": t7_file.made([weight, {"a": 1.5}])}),
    ]


def mat_samples() -> list[Sample]:
    layers = mat_file.LAYERS
    return [
        Sample({"a.mat": mat_file.made({"layers": layers, "meta": mat_file.META})}),
        Sample({"a.mat": mat_file.made({"net": {"layers": layers, **mat_file.META}})}),
        Sample({"a.mat": mat_file.made({"layers": layers}, compressed=True)}),
    ]


def tfjs_samples() -> list[Sample]:
    entries = [
        {"name": "conv/filters", "shape": [2, 3], "dtype": "float32"},
        {
            "name": "conv/bias",
            "shape": [4],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.25, "min": -1.5},
        },
        {"name": "n", "shape": [], "dtype": "int32"},
    ]
    manifest = [{"paths": ["shard1", "shard2"], "weights": entries}]
    shards = {"shard1": bytes(range(20)), "shard2": bytes(range(12))}
    return [Sample({"a.json": json.dumps(manifest).encode(), **shards})]


def npz_samples() -> list[Sample]:
    arrays = {
        "kernel": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "half": np.ones(3, np.float16),
        "n": np.array(3),
    }

    def pack(parts: Parts) -> Parts:
        return {"a.npz": torch_file.zipped(parts)}

    def one(array: np.ndarray) -> bytes:
        return made(lambda path: np.save(path, array), "a.npy").parts["a.npy"]

    return [
        made(lambda path: np.savez(path, **arrays), "a.npz"),
        made(lambda path: np.savez_compressed(path, **arrays), "a.npz"),
        Sample({f"{name}.npy": one(array) for name, array in arrays.items()}, pack),
    ]


def head_samples() -> list[Sample]:
    made_of = head.Head(np.ones((6, 2), np.float32), np.ones(2, np.float32), ("a", "bc"), True)

    def pack(parts: Parts) -> Parts:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        return {"a.npz": file.getvalue()}

    whole = made(lambda path: head.write(path, made_of), "a.npz")
    with zipfile.ZipFile(io.BytesIO(whole.parts["a.npz"])) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return [whole, Sample(parts, pack)]


def read_head(path: Path) -> None:
    head.read(path)


def onnx_samples() -> list[Sample]:
    initialisers = [
        numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), "w"),
        numpy_helper.from_array(np.ones(3, np.float16), "half"),
        helper.make_tensor("floats", TensorProto.FLOAT, [2], [1, 2]),
        helper.make_tensor("integers", TensorProto.INT64, [3], [-1, 300, 2**40]),
        helper.make_tensor("roi", TensorProto.FLOAT, [0], []),
    ]
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=initialisers[3]),
        helper.make_node("Constant", [], ["slope"], value_float=0.1),
        helper.make_node("Constant", [], ["axes"], value_ints=[0, -1]),
        helper.make_node("Relu", ["w"], ["y"]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])]
    model = helper.make_model(helper.make_graph(nodes, "g", [], outputs, initialisers))
    return [made(lambda path: onnx.save(model, path), "a.onnx")]


def tflite_samples() -> list[Sample]:
    kernel = T(
        "w", (1, 1, 1, 2), schema.TensorType.INT8, np.ones((1, 1, 1, 2), np.int8), [0.5], [0]
    )
    tensors = [T("x", (1, 2, 2, 2)), kernel, T("y", (1, 2, 2, 1)), T("z", (1, 2, 2, 1))]
    operators = [Op(3, [0, 1, -1], [2], conv_options(1, 0)), Op(19, [2], [3])]
    return [Sample({"a.tflite": File(tensors, operators, outputs=(3,)).to_bytes()})]


DARKNET = (
    "[net]\nwidth=8\n[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=2\npad=1\n"
    "activation=leaky\n[reorg]\nstride=2\n[route]\nlayers=0\n[maxpool]\nsize=2\nstride=2\n[route]\n"
    "layers=-1,-3\n[convolutional]\nfilters=7\nactivation=linear\n[region]\nanchors=1,2\nclasses=2\n"
    "num=1\nsoftmax=1\n"
)


NETWORK = [(3, 4, 3), (20, 7, 1)]
HELD = (
    darknet.Convolution("conv_1", 4, 3, 3, batch_norm=True),
    darknet.Convolution("conv_2", 7, 20, 1, batch_norm=False),
)


def darknet_samples() -> list[Sample]:
    def one(version: tuple[int, int, int]) -> Sample:
        return made(lambda p: darknet_file.write(p, NETWORK, version=version), "a.weights")

    return [one((0, 1, 0)), one((0, 2, 0))]


def parse_cfg(path: Path) -> None:
    """Down to the shapes of its layers for a picture of 8 x 8, which need not fit."""
    layers = yolov2_cfg.structure(darknet.read_cfg(path)).layers
    with suppress(ValueError):
        yolov2_layers.shapes(layers, 8, 8)


def parse(path: Path) -> None:
    tflite.read(path)


READERS: dict[str, Subject] = {
    "h5": Subject(drain(h5.read), h5_samples),
    "torch_pt": Subject(drain(torch_pt.read), torch_samples),
    "torch7": Subject(drain(torch7.read), t7_samples),
    "matconvnet": Subject(drain(matconvnet.read), mat_samples),
    "tfjs": Subject(drain(tfjs.read), tfjs_samples),
    "npz": Subject(drain(npz.read), npz_samples),
    "head": Subject(read_head, head_samples),
    "onnx_file": Subject(drain(onnx_file.read), onnx_samples),
    "tflite": Subject(parse, tflite_samples),
    "darknet": Subject(drain(lambda path: darknet.read(path, HELD)), darknet_samples),
    "darknet_cfg": Subject(parse_cfg, lambda: [Sample({"a.cfg": DARKNET.encode()})]),
}
