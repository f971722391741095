"""Reading weights of TensorFlow.js."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from models import BadWeights
from models.readers import tfjs
from models.readers.weights import WeightFile
from tests.models.data import shared

Entry = dict[str, object]
KERNEL: Entry = {"name": "conv/filters", "shape": [2, 3], "dtype": "float32"}
QUANTISED: Entry = {
    "name": "conv/bias",
    "shape": [4],
    "dtype": "float32",
    "quantization": {"dtype": "uint8", "scale": 0.25, "min": -1.5},
}
NUMBERS = np.arange(6, dtype=np.float32)
BYTES = NUMBERS.tobytes() + bytes([0, 1, 2, 255])


def manifest(entries: list[Entry], paths: object = ("s1",), **more: object) -> bytes:
    return json.dumps([{"paths": paths, "weights": entries, **more}]).encode()


def read(tmp_path: Path, data: bytes, shards: dict[str, bytes]) -> WeightFile:
    for name, content in shards.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "m.json").write_bytes(data)
    return tfjs.read(tmp_path / "m.json")


def test_plain_and_quantised_numbers(tmp_path: Path) -> None:
    weights = read(tmp_path, manifest([KERNEL, QUANTISED]), {"s1": BYTES})
    assert list(weights) == ["conv/filters", "conv/bias"]
    assert weights["conv/filters"].read().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights["conv/bias"].read().tolist() == [-1.5, -1.25, -1.0, 62.25]
    assert weights["conv/bias"].read().dtype == np.float32


@pytest.mark.parametrize("sizes", [(10, 18), (24, 4), (1, 25, 2), (28, 0)])
def test_a_tensor_may_lie_in_several_shards(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    ends = np.cumsum(sizes).tolist()
    pieces = [BYTES[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    shards = {f"s{i}": piece for i, piece in enumerate(pieces)}
    weights = read(tmp_path, manifest([KERNEL, QUANTISED], list(shards)), shards)
    assert weights["conv/filters"].read().ravel().tolist() == NUMBERS.tolist()
    assert weights["conv/bias"].read()[-1] == 62.25


def test_uint16_float16_and_integers(tmp_path: Path) -> None:
    entries: list[Entry] = [
        {**KERNEL, "quantization": {"dtype": "uint16", "scale": 0.5, "min": 1}},
        {"name": "n", "shape": [], "dtype": "int32"},
        {"name": "half", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},
    ]
    data = np.arange(6, dtype="<u2").tobytes() + np.int32(-7).tobytes()
    data += np.array([1.5, -2], np.float16).tobytes()
    weights = read(tmp_path, manifest(entries), {"s1": data})
    assert weights["conv/filters"].read().ravel().tolist() == [1, 1.5, 2, 2.5, 3, 3.5]
    assert weights["n"].read() == -7
    assert weights["half"].read().tolist() == [1.5, -2]


def test_a_model_json_has_the_manifest_in_it(tmp_path: Path) -> None:
    model = b'{"modelTopology": {}, "weightsManifest": %s}' % manifest([KERNEL])
    assert list(read(tmp_path, model, {"s1": NUMBERS.tobytes()})) == ["conv/filters"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "manifest: wanted JSON"),
        (b"[" * 100_000, "manifest: wanted JSON"),
        (b"\xff", "manifest: wanted JSON"),
        (b'{"a": 1, "a": 2}', "a key twice in an object"),
        (b"3", "manifest: wanted a list of groups, got int"),
        (b"[3]", "manifest: wanted groups that are objects"),
        (b"[]", "manifest: wanted tensors, got none"),
        (b"{}", "model.json: wanted a list weightsManifest, got NoneType"),
        (manifest([KERNEL], 3), "group: wanted a list paths, got int"),
        (manifest([KERNEL], ["../s1"]), "paths: wanted names of files beside the manifest"),
        (manifest([KERNEL], ["/etc/hostname"]), "paths: wanted names of files beside"),
        (manifest([KERNEL], [".."]), "paths: wanted names of files beside the manifest"),
        (manifest([KERNEL], [""]), "paths: wanted names of files beside the manifest"),
        (manifest([KERNEL], ["é" * 200]), "paths: wanted names of files beside the manifest"),
        (manifest([KERNEL], ["s\0"]), "paths: wanted names of files beside the manifest"),
        (manifest([KERNEL], ["s2"]), "shard s2: wanted a file beside the manifest, got none"),
        (manifest([KERNEL], ["s1", "s1"]), "paths: wanted each shard once, got one twice"),
        (manifest([KERNEL]), "shards s1: wanted 24 bytes for all tensors, got 28"),
        (manifest([KERNEL, KERNEL]), "tensor conv/filters: wanted once, got twice"),
        (manifest([{**KERNEL, "shape": [8]}]), "wanted bytes 0 to 32 in its shards, got 28 bytes"),
        (manifest([{**KERNEL, "shape": [2, 1.5]}]), "shape: wanted whole numbers"),
        (manifest([{**KERNEL, "shape": [-2, -3]}]), "shape: wanted positive numbers"),
        (manifest([{**KERNEL, "shape": [1 << 62] * 3}]), "wanted all tensors at most 16 times"),
        (manifest([{**KERNEL, "shape": [1] * 9}]), "axes: wanted at most 8, got 9"),
        (manifest([{**KERNEL, "dtype": "string"}]), "dtype: wanted one of"),
        (manifest([{**KERNEL, "name": 3}]), "weights: wanted objects with a name"),
        (manifest([{**QUANTISED, "quantization": 3}]), "quantization: wanted an object, got int"),
        (manifest([{**QUANTISED, "quantization": {"dtype": "uint8"}}]), "scale: wanted a number"),
        (
            manifest([{**QUANTISED, "quantization": {"dtype": "uint8", "scale": 0, "min": 0}}]),
            "scale: wanted a number that fits, got 0",
        ),
        (
            manifest([{**QUANTISED, "quantization": {"dtype": "uint8", "scale": 1e300, "min": 0}}]),
            "scale: wanted a number that fits",
        ),
        (
            manifest([KERNEL, QUANTISED]).replace(b"0.25", b"NaN"),
            "manifest: wanted JSON, got NaN for a number",
        ),
    ],
)
def test_a_lying_manifest_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BadWeights, match=re.escape(message)) as caught:
        read(tmp_path, data, {"s1": BYTES})
    assert str(caught.value).startswith("m.json: ")


def test_the_recogniser_of_face_api() -> None:
    path = shared("weights_faceapi/face_recognition_model-weights_manifest.json")
    weights = tfjs.read(path)
    total = sum(stored.read().size for stored in weights.values())
    assert (len(weights), total) == (117, 5_614_592)
    # In the manifest: scale 0.00057806, min -0.0762 of the first kernel.
    first = weights["conv32_down/conv/filters"].read()
    assert first.shape == (7, 7, 3, 32)
    assert np.abs(first).max() < 1
