"""Where ONNX files lie, and how they come there: converted once from the original weights.

A converted file's name holds its key, made of the original file and of the converter: one that is
out of date has another name and is never opened. Nothing is downloaded here.

    originals/   what `pull` has downloaded
    models/      NAME-KEY.onnx, and NAME.json for what the user has imported
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile

import msgspec

from models import zoo
from models.errors import BadModel, BadWeights, MissingModel
from models.export import CONVERTER_VERSION
from models.files import instead_of_a_file, written_whole
from models.originals import digest, find_original, home, origin_of
from models.sidecar import read_sidecar
from models.spec import Download, ModelSpec

__all__ = ["Imported", "Model", "ensure", "find", "home", "import_model", "imported", "path"]

FROM_ONNX = frozenset({"head", "vgg16"})
"""Families that read their weights out of ONNX files of any inputs and outputs."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be opened: its spec, and the ONNX file on this machine."""

    spec: ModelSpec
    path: Path


class Imported(msgspec.Struct, frozen=True):
    """What is kept of an import, so that its file can be made again by a newer converter.

    files    the user's own files, where they were
    sha256   of each
    labels   those the user gave, or the spec's
    """

    files: tuple[str, ...]
    sha256: tuple[str, ...]
    labels: tuple[str, ...]


def key(spec: ModelSpec, sha256: Sequence[str]) -> str:
    """What a converted file was made from: 64 hex digits, kept in its metadata as `key`.

    What is only told to people may be worded anew without every file being made again.
    """
    spec = replace(spec, parameters=None, published="", citation="", accuracy="")
    made_from = f"{' '.join(sha256)} {CONVERTER_VERSION} {spec}"
    return hashlib.sha256(made_from.encode()).hexdigest()


def path(spec: ModelSpec, folder: Path | None = None) -> Path | None:
    """Where the spec's ONNX file lies once it is made, or None if it has to be imported first.

    folder  what to use in place of `home()`
    """
    folder = folder or home()
    if (mine := imported(spec.name, folder)) is not None:
        return _path(replace(spec, labels=mine.labels, origin=None), mine.sha256, folder)
    if spec.origin is None:
        return None
    return _path(spec, (spec.origin.sha256,), folder)


def ensure(spec: ModelSpec, folder: Path | None = None) -> Path:
    """Make the spec's ONNX file if it is not there, and return its path.

    Safe to call from several processes at once: the file appears whole or not at all. What the user
    has imported under the spec's name comes before the spec's own origin.

    folder  what to use in place of `home()`
    raises  MissingModel if the original file is not on this machine, and says how to get it;
            BadWeights if it is another file than the spec's
    """
    folder = folder or home()
    if (mine := imported(spec.name, folder)) is not None:
        own = replace(spec, labels=mine.labels, origin=None)
        target = _path(own, mine.sha256, folder)
        return target if target.exists() else _make_again(own, mine, folder)
    origin = origin_of(spec)
    target = _path(spec, (origin.sha256,), folder)
    if target.exists():
        return target
    original = find_original(spec, folder)
    try:
        return _make(spec, [original], (origin.sha256,), folder)
    except BadWeights as error:
        if not isinstance(origin, Download):
            raise
        # It is there, so that `pull` would not fetch it again.
        again = f"remove {original}, then framewire models pull {spec.name}"
        raise BadWeights(f"{error}; {again}") from error


def import_model(
    spec: ModelSpec,
    files: Sequence[Path],
    labels: Sequence[str] | None = None,
    folder: Path | None = None,
) -> Path:
    """Convert the user's own weights to the spec's network, and use them from now on.

    labels  the names of the classes, if they are neither in the files nor the spec's
    folder  what to use in place of `home()`
    raises  MissingModel; BadWeights naming file, tensor, what was wanted and what was got;
            BadModel if the network has another number of classes than there are labels
    """
    for file in files:
        if not file.is_file():
            raise MissingModel(f"{file}: wanted a weight file, got {instead_of_a_file(file)}")
    folder = folder or home()
    files = _whole(spec, files)
    if labels and not spec.labels:
        raise BadModel(f"labels: wanted none, since {spec.name} has no classes, got {len(labels)}")
    names = tuple(labels or _labels_in(spec, files) or spec.labels)
    own = replace(spec, labels=names, origin=None)
    told = Imported(
        tuple(str(file.resolve()) for file in files), tuple(map(digest, files)), own.labels
    )
    made = _make(own, files, told.sha256, folder)
    with written_whole(_record(spec.name, folder)) as part:
        part.write_bytes(msgspec.json.encode(told))
    return made


def imported(name: str, folder: Path | None = None) -> Imported | None:
    """What the user has imported under a name of the zoo."""
    record = _record(name, folder or home())
    try:
        return msgspec.json.decode(record.read_bytes(), type=Imported)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise BadModel(f"{record}: {error}; remove it and import {name} again") from error


def find(model: str, folder: Path | None = None) -> Model:
    """A model of the zoo by its name, or a user's own by the path of its ONNX file.

    Beside `own.onnx` lies `own.yaml`, which says what the file cannot: see `models/sidecar.py`.

    folder  what to use in place of `home()`
    raises  UnknownModel, MissingModel; BadModel if the file beside it does not say that
    """
    if not model.endswith(".onnx"):
        known = zoo.spec(model)
        file = ensure(known, folder)
        mine = imported(known.name, folder)
        return Model(known if mine is None else replace(known, labels=mine.labels), file)
    file = Path(model)
    if not file.is_file():
        raise MissingModel(f"{file}: wanted an ONNX file, got {instead_of_a_file(file)}")
    return Model(read_sidecar(file), file)


def _whole(spec: ModelSpec, files: Sequence[Path]) -> list[Path]:
    """The files and, of a manifest of TensorFlow.js, its shards: the numbers are only in these."""
    found = list(files)
    # The vocabulary of a captioner is JSON, too.
    for file in files if spec.task != "caption" else ():
        if file.suffix == ".json":
            from models.readers import tfjs  # noqa: PLC0415 - only such a file wants it

            known = [one.resolve() for one in found]
            found += [shard for shard in tfjs.shards(file) if shard.resolve() not in known]
    return found


def _labels_in(spec: ModelSpec, files: Sequence[Path]) -> tuple[str, ...]:
    """What the files themselves call the classes: only those of MatConvNet do."""
    if spec.task != "classify" or files[0].suffix != ".mat":
        return ()
    from models.readers import matconvnet  # noqa: PLC0415 - only such a file wants it

    classes = matconvnet.read(files[0]).notes.get("classes")
    return classes if isinstance(classes, tuple) else ()


def _make_again(spec: ModelSpec, mine: Imported, folder: Path) -> Path:
    """Convert what was imported before; another version of the converter or the spec has come."""
    files = [Path(file) for file in mine.files]
    for file, sha256 in zip(files, mine.sha256, strict=True):
        if not file.is_file():
            raise MissingModel(
                f"{spec.name}: it was imported from {file}, which is gone and is needed again: "
                f"framewire models import {spec.name} FILE"
            )
        if (got := digest(file)) != sha256:
            raise BadWeights(
                f"{file}: wanted the file that was imported as {spec.name} (sha256 {sha256}), got "
                f"{got}: framewire models import {spec.name} FILE"
            )
    return _make(spec, files, mine.sha256, folder)


def _path(spec: ModelSpec, sha256: Sequence[str], folder: Path) -> Path:
    return folder / "models" / f"{spec.name}-{key(spec, sha256)[:12]}.onnx"


def _record(name: str, folder: Path) -> Path:
    return folder / "models" / f"{name}.json"


def _make(spec: ModelSpec, files: Sequence[Path], sha256: Sequence[str], folder: Path) -> Path:
    target = _path(spec, sha256, folder)
    if target.exists():
        return target
    if _take(spec, files, target):
        return target
    try:
        # It imports onnx, and Keras for most families, which take longer than opening the file.
        from models.export.convert import convert  # noqa: PLC0415

        graph = convert(spec, files)
    except ModuleNotFoundError as error:
        raise MissingModel(
            f"{spec.name}: converting it needs the package {error.name!r}: "
            "pip install 'framewire[zoo]'"
        ) from error
    metadata = {
        "key": key(spec, sha256),
        "name": spec.name,
        "licence": spec.licence,
        "source": spec.source,
        "original_sha256": " ".join(sha256),
        "converter": str(CONVERTER_VERSION),
    }
    with written_whole(target) as part, part.open("wb") as file:
        graph.write(file, metadata)
    return target


def _take(spec: ModelSpec, files: Sequence[Path], target: Path) -> bool:
    """Take an ONNX file that keeps the task's contract as it is; tells whether it was one."""
    if len(files) != 1 or files[0].suffix.lower() != ".onnx":
        return False
    from models import finished  # noqa: PLC0415 - it imports ONNX Runtime

    (file,) = files
    if not finished.is_finished(spec, file, weights_too=spec.family in FROM_ONNX):
        return False
    finished.check(spec, file)
    with written_whole(target) as part:
        copyfile(file, part)
    return True
