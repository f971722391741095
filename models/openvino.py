"""Runs the same ONNX files with OpenVINO, in bfloat16 on CPUs that have it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from models.errors import BadModel, NoDevice
from models.executor import Session
from models.spec import Port, Precision

# OpenVINO tells its makers of each import, unless it cannot: where this module is missing it goes
# on without. A camera's machine calls nobody.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None forbids it

import openvino as ov  # noqa: E402 - after the line above

Array = NDArray[np.generic]

HINTS: dict[Precision, ov.Type] = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16}


class OpenVinoSession(Session):
    """A model run by OpenVINO on the CPU. See `models.executor.Session`."""

    def __init__(self, path: Path, threads: int, precision: Precision) -> None:
        """Compile the model.

        raises  BadModel if it cannot be, NoDevice if this CPU has no bfloat16
        """
        self.path = path
        self.device = "cpu"
        self.threads = threads
        core = ov.Core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in able:
            raise NoDevice(
                "precision bf16: wanted a CPU with AVX512-BF16 or AMX, got one that can "
                f"{', '.join(able)}"
            )
        try:
            loaded = onnx.load(path)  # numbers in another file only out of the model's own folder
        except (onnx.checker.ValidationError, DecodeError, OSError) as error:
            raise BadModel(f"{path}: wanted an ONNX file, got: {error}") from error
        self._defaults = _defaults(loaded.graph)
        self.inputs = {
            value.name: _port(value, required=value.name not in self._defaults)
            for value in loaded.graph.input
        }
        self.outputs = {value.name: _port(value, required=True) for value in loaded.graph.output}
        self.metadata = {entry.key: entry.value for entry in loaded.metadata_props}
        try:
            self._compiled = core.compile_model(
                core.read_model(loaded.SerializeToString()),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": HINTS[precision],
                    "INFERENCE_NUM_THREADS": threads,
                    "PERFORMANCE_HINT": "LATENCY",
                },
            )
        except RuntimeError as error:
            raise BadModel(f"{path}: OpenVINO cannot compile it: {error}") from error

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See `Session.run`."""
        self.check_feeds(feeds)
        # A request of its own for each run: several threads may be here at once.
        request = self._compiled.create_infer_request()
        found = request.infer({**self._defaults, **feeds})
        return {name: np.array(found[name]) for name in self.outputs}


def _defaults(graph: onnx.GraphProto) -> dict[str, Array]:
    """Take out what optional inputs are by default: OpenVINO would make constants of them."""
    asked = {value.name for value in graph.input}
    found = {
        one.name: np.asarray(numpy_helper.to_array(one))
        for one in graph.initializer
        if one.name in asked
    }
    kept = [one for one in graph.initializer if one.name not in found]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return found


def _port(value: onnx.ValueInfoProto, *, required: bool) -> Port:
    told = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(told.elem_type).name
    shape = tuple(d.dim_param or d.dim_value for d in told.shape.dim)
    return Port(value.name, dtype, shape, required)
