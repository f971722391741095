"""`framewire faces enrol`, `list` and `forget`: the people in a gallery file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from models.errors import ModelError
from models.files import alone_with
from models.results import Detections
from models.store import find
from pipeline.config.environment import process_environment
from stages.detect import Detect, DetectOptions
from stages.errors import BadOptions, StageError
from stages.faces.align import Eyes
from stages.faces.embedder import Embedder
from stages.faces.enrol import FindsFaces, look_at, pictures_of
from stages.faces.kept import Kept, nobody, read_kept, write_kept
from stages.frame import Frame
from stages.picture import Picture
from stages.stage import StageContext

FAILURE = 1
EYES = ("right_eye", "left_eye")  # of a person; the right one is on the left of the picture


@dataclass(frozen=True, slots=True)
class Looking:
    """How pictures are looked at: see the options of `framewire faces enrol`."""

    model: str
    detector: str
    margin: float
    upright: bool
    cropped: bool


def enrol(
    gallery: Path, pictures: Sequence[Path], name: str, looking: Looking, key_from: str
) -> int:
    """Add the faces in pictures; those that show none or several are told and passed over."""

    def work() -> int:
        key = _key(key_from)
        files = pictures_of(pictures, name)
        if looking.cropped and looking.upright:
            raise BadOptions("wanted --cropped or --upright, got both")
        eyes = _eyes(looking.detector) if looking.upright else None
        context = StageContext("faces")
        embedder = Embedder(looking.model, context, margin=looking.margin, eyes=eyes)
        _opened(gallery, embedder, key)  # before the pictures are looked at, which takes a while
        made = look_at(files, embedder, None if looking.cropped else _finder(looking.detector))
        for file, why in made.skipped:
            typer.echo(f"{file}: {why}; skipped", err=True)
        if made.names:
            gallery.parent.mkdir(parents=True, exist_ok=True)
            with alone_with(gallery):
                kept = _opened(gallery, embedder, key)
                write_kept(gallery, kept.with_faces(made.names, made.embeddings), key)
        people = len(set(made.names))
        typer.echo(
            f"{len(made.names)} faces of {people} people enrolled, {len(made.skipped)} pictures "
            "skipped"
        )
        return 0 if made.names else FAILURE

    return _told(work)


def list_people(gallery: Path, key_from: str) -> int:
    """Say who is in a gallery file."""

    def work() -> int:
        kept = read_kept(gallery, _key(key_from))
        for name, count in kept.counts().items():
            typer.echo(f"{name}\t{count}")
        typer.echo(f"seen by {kept.model}, {kept.sha256[:12]}, shown as {kept.shown}", err=True)
        return 0

    return _told(work)


def forget(gallery: Path, name: str, key_from: str) -> int:
    """Take a person out of a gallery file."""

    def work() -> int:
        key = _key(key_from)
        with alone_with(gallery):
            kept = read_kept(gallery, key)
            left = kept.without(name)
            write_kept(gallery, left, key)
        typer.echo(f"{len(kept.people) - len(left.people)} faces of {name} forgotten")
        return 0

    return _told(work)


def _opened(gallery: Path, embedder: Embedder, key: str) -> Kept:
    """Who is in a gallery file, or nobody; faces that were seen in another way are refused."""
    sha256 = embedder.sha256()
    if not gallery.exists():
        return nobody(embedder.model, sha256, embedder.shown)
    kept = read_kept(gallery, key)
    if (kept.sha256, kept.shown) != (sha256, embedder.shown):
        raise BadOptions(
            f"{gallery}: wanted faces of {embedder.model}, {sha256[:12]}, shown as "
            f"{embedder.shown}, got those of {kept.model}, {kept.sha256[:12]}, shown as "
            f"{kept.shown}"
        )
    return kept


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = process_environment().get(variable, "")
    if not key:
        raise BadOptions(f"--key-from: wanted the environment variable {variable}, got none")
    return key


def _eyes(detector: str) -> Eyes:
    names = find(detector).spec.points
    if not all(eye in names for eye in EYES):
        raise BadOptions(f"--upright: wanted a detector that finds eyes, got {detector}")
    return names.index(EYES[0]), names.index(EYES[1])


def _finder(detector: str) -> FindsFaces:
    stage = Detect(DetectOptions.model_validate({"model": detector}), StageContext("faces"))

    def finds(picture: Picture) -> Detections:
        frame = Frame("enrol", 0, 0.0, datetime.now(UTC), 0.0, 0.0, picture)
        (found,) = stage.run([frame])
        return found

    return finds


def _told(work: Callable[[], int]) -> int:
    """Do it, or say why it cannot be done."""
    try:
        return work()
    except (StageError, ModelError, OSError) as error:
        typer.echo(str(error), err=True)
        return FAILURE
