"""Runs ONNX files. The only file that runs them with ONNX Runtime.

A session is shared by all who open the same file on the same device, and lives as long as somebody
holds it. Devices are "cpu", "cuda:0" (or another number), "tensorrt:0", and "auto", which is CUDA
when a GPU can really be used and the CPU otherwise. TensorRT builds an engine for minutes when it
first sees a model, so it is used when asked for by name, never by "auto".
"""

import ctypes
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

# A compiled module, which type checkers do not see.
from onnxruntime.capi import (
    onnxruntime_pybind11_state as native,  # pyright: ignore[reportAttributeAccessIssue]
)

from models.errors import BadModel, MissingModel, NoDevice
from models.executor import Session
from models.files import instead_of_a_file
from models.spec import Port, Precision

Array = NDArray[np.generic]

log = logging.getLogger(__name__)

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
DTYPES = {"float": "float32", "double": "float64"}  # where ONNX Runtime's word is not numpy's
FATAL = 4  # of ONNX Runtime's severities; what is less than fatal is raised as well as printed
SPIN_US = "20"
DRIVER = "libcuda.so.1"
MOST_GPUS = 16

# What ONNX Runtime may raise for a file that it cannot open. They have no root of their own.
CANNOT_OPEN = (
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NotImplemented,
    native.RuntimeException,
    native.EPFail,
)

# The smallest model, to see whether a device can be had: y = Abs(x), one float32, opset 18.
PROBE = bytes.fromhex(
    "08093a310a0b0a0178120179220341627312005a0f0a0178120a0a08080112040a02080162"
    "0f0a0179120a0a08080112040a02080142040a001012"
)

# What it prints about CUDA libraries that are missing stands in NoDevice and describe_devices().
ort.set_default_logger_severity(FATAL)

_lock = threading.Lock()
_sessions: "WeakValueDictionary[tuple[Path, int, str, str, int], Session]" = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a session could run on.

    name    as a config writes it, such as "cuda:0"
    usable  whether a session was really opened on it
    detail  what it is, or what is missing and how to get it
    """

    name: str
    usable: bool
    detail: str


class OnnxRuntimeSession(Session):
    """A model run by ONNX Runtime."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        self.path = path
        self.device = device
        self.threads = threads
        try:
            self._session = _create(str(path), device, threads)
        except CANNOT_OPEN as error:
            raise BadModel(f"{path}: ONNX Runtime cannot open it on {device}: {error}") from error
        given, optional = self._session.get_inputs(), self._session.get_overridable_initializers()
        self.inputs: Mapping[str, Port] = {
            **{node.name: _port(node, required=True) for node in given},
            **{node.name: _port(node, required=False) for node in optional},
        }
        self.outputs: Mapping[str, Port] = {
            node.name: _port(node, required=True) for node in self._session.get_outputs()
        }
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See `Session.run`."""
        self.check_feeds(feeds)
        # Bound, so that an input is copied to the device once and an output back once. On the CPU
        # nothing is copied, and it costs nothing: 0.97 ms a run of BlazeFace with it and without.
        binding = self._session.io_binding()
        # `bind_cpu_input` does not know inputs that have a default. The values own the arrays that
        # had to be made contiguous: they have to live until the run is over.
        values = {
            name: ort.OrtValue.ortvalue_from_numpy(np.asarray(array, order="C"))
            for name, array in feeds.items()
        }
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        for name in self.outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        return dict(zip(self.outputs, binding.copy_outputs_to_cpu(), strict=True))


def open_session(
    path: Path | str,
    *,
    device: str = "auto",
    threads: int | None = None,
    parallel: int = 1,
    precision: Precision = "fp32",
    nice: int = 0,
) -> Session:
    """The session of that file on that device: the one that is open already, or a new one.

    device     "auto", "cpu", "cuda:N", "tensorrt:N"; "auto" never takes TensorRT
    threads    of the CPU for one run; None: the usable cores, divided by `parallel`.
               Only who opens a file first has a say.
    parallel   how many runs, of this model and of others, happen at the same time
    precision  "bf16": on a CPU that has such arithmetic, through OpenVINO, about twice as fast and
               with outputs that differ by up to about a hundredth
    nice       of the calling thread, which the session's own threads inherit: who steps back
               shares no session with who does not
    raises     MissingModel if there is no file; BadModel if it cannot be opened;
               NoDevice, with what is missing, if the device or the precision cannot be had
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise MissingModel(f"{file}: wanted an ONNX file, got {instead_of_a_file(file)}")
    chosen = "cpu" if precision == "bf16" and device == "auto" else _choose(device)
    # A file that was replaced since is another model.
    key = (file, file.stat().st_mtime_ns, chosen, precision, nice)
    with _lock:
        session = _sessions.get(key)
        if session is None:
            count = threads or max(1, cores() // parallel)
            session = _open(file, chosen, count, precision)
            _sessions[key] = session
        return session


def _open(file: Path, device: str, threads: int, precision: Precision) -> Session:
    if precision == "fp32":
        return OnnxRuntimeSession(file, device, threads)
    if device != "cpu":
        raise NoDevice(f"precision bf16: wanted device cpu, got {device}")
    try:
        from models.openvino import OpenVinoSession  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise NoDevice(
            f"precision bf16: wanted the package {error.name}: pip install 'framewire[bf16]'"
        ) from error
    return OpenVinoSession(file, threads, precision)


def cores() -> int:
    """How many cores this process may use: by its affinity and by its container's quota."""
    usable = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):  # no cgroup v2, or no quota ("max")
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        usable = min(usable, max(1, int(quota) // int(period)))
    return usable


def describe_devices() -> tuple[Device, ...]:
    """Every device that this installation could use, tried for real. For `framewire doctor`."""
    found = [Device("cpu", usable=True, detail=f"{cores()} cores, ONNX Runtime {ort.__version__}")]
    for kind in ("cuda", "tensorrt"):
        for index in range(MOST_GPUS):
            trouble = _trouble(kind, index)
            if trouble is None:
                found.append(Device(f"{kind}:{index}", usable=True, detail=PROVIDERS[kind]))
                continue
            if index == 0:
                found.append(Device(f"{kind}:0", usable=False, detail=trouble))
            break
    return tuple(found)


def _choose(device: str) -> str:
    """The device to use for what a config says. Raises NoDevice."""
    if device == "cpu":
        return device
    if device == "auto":
        trouble = _trouble("cuda", 0)
        if trouble is not None:
            log.debug("no CUDA, using the CPU: %s", trouble)
        return "cpu" if trouble else "cuda:0"
    kind, _, index = device.partition(":")
    if kind not in {"cuda", "tensorrt"} or not index.isdecimal():
        raise NoDevice(f"device: wanted auto, cpu, cuda:N or tensorrt:N, got {device!r}")
    if trouble := _trouble(kind, int(index)):
        raise NoDevice(f"device {device}: {trouble}")
    return device


@cache
def _trouble(kind: str, index: int) -> str | None:
    """Why that device cannot be had, or None if it can.

    ONNX Runtime lists CUDA wherever it was built with it, and falls back to the CPU in silence
    where CUDA cannot be used; so look for the libraries, then open a model and see where it went.
    """
    if PROVIDERS[kind] not in ort.get_available_providers():
        return f"this ONNX Runtime has no {PROVIDERS[kind]}: pip install onnxruntime-gpu"
    if _loads(DRIVER):
        # From the packages that the advice below installs. It prints what it does not find.
        with redirect_stdout(StringIO()):
            ort.preload_dlls()
    if missing := [name for name in _libraries(kind) if not _loads(name)]:
        major = ort.cuda_version.partition(".")[0]
        return (
            f"missing {', '.join(missing)}: wanted an NVIDIA GPU with its driver ({DRIVER}), "
            f"CUDA {major} and cuDNN 9 (pip install 'onnxruntime-gpu[cuda,cudnn]')"
            + (", and TensorRT 10 (libnvinfer)" if kind == "tensorrt" else "")
        )
    try:
        session = _create(PROBE, f"{kind}:{index}", 1)
    except CANNOT_OPEN as error:
        return str(error)
    if session.get_providers()[0] != PROVIDERS[kind]:
        return f"{PROVIDERS[kind]} gave up and left the model to the CPU"
    return None


def _libraries(kind: str) -> tuple[str, ...]:
    """What the provider needs: `readelf -d` of it, and cuDNN, which it opens when it is run."""
    major = ort.cuda_version.partition(".")[0]
    toolkit = [f"lib{name}.so.{major}" for name in ("cudart", "cublas", "cublasLt")]
    cuda = (DRIVER, *toolkit, "libcurand.so.10", "libcudnn.so.9")
    return cuda if kind == "cuda" else (*cuda, "libnvinfer.so.10", "libnvonnxparser.so.10")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _create(model: str | bytes, device: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads spin as long as it takes to come from one layer to the next, and no longer: by default
    # they burn a core between frames. See docs/decisions/0008-hardly-any-spinning.md.
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_US)
    return ort.InferenceSession(
        model, options, providers=_providers(model, device), enable_fallback=0
    )


def _providers(model: str | bytes, device: str) -> list[tuple[str, dict[str, str]]]:
    """The providers of a device, each with its options; what one cannot run goes to the next."""
    cpu: tuple[str, dict[str, str]] = (PROVIDERS["cpu"], {})
    if device == "cpu":
        return [cpu]
    kind, _, index = device.partition(":")
    # The default tries every algorithm out whenever a batch of a new size comes.
    cuda = (PROVIDERS["cuda"], {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC"})
    if kind == "cuda":
        return [cuda, cpu]
    options = {"device_id": index}
    if isinstance(model, str):
        # Beside the model, so that an engine is built once.
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(Path(model).parent / "tensorrt"),
        }
    return [(PROVIDERS["tensorrt"], options), cuda, cpu]


def _port(node: ort.NodeArg, *, required: bool) -> Port:
    """What ONNX Runtime says of an input or output; an axis without a name becomes "?"."""
    dtype = str(node.type).removeprefix("tensor(").removesuffix(")")
    shape = tuple("?" if axis is None else axis for axis in node.shape)
    return Port(str(node.name), DTYPES.get(dtype, dtype), shape, required)
