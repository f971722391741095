"""Turns a spec and its original file into the bytes of an ONNX file."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx

from models import blazeface, facemesh
from models.errors import BadWeights
from models.readers import tflite
from models.readers.network import Network
from models.spec import ModelSpec

Builder = Callable[[Network, ModelSpec, Mapping[str, str]], onnx.ModelProto]
FAMILIES: dict[str, Builder] = {"blazeface": blazeface.build, "facemesh": facemesh.build}


def convert(spec: ModelSpec, original: Path, metadata: Mapping[str, str]) -> bytes:
    """Read, check and convert; what lies in `original` must be what the spec was written for.

    metadata  kept in the file as it is
    raises    BadWeights if the file is another one, broken, or not of the spec's family
    """
    got = hashlib.sha256(original.read_bytes()).hexdigest()
    if spec.origin is not None and got != spec.origin.sha256:
        raise BadWeights(f"{original}: sha256: wanted {spec.origin.sha256}, got {got}")
    model = FAMILIES[spec.family](tflite.read(original), spec, metadata)
    return bytes(model.SerializeToString())
