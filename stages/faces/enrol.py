"""Pictures of people into faces that are known: one face a picture, or the picture is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.results import Detections
from stages.errors import BadOptions
from stages.faces.embedder import Embedder
from stages.faces.gallery import MOST_PIXELS, people_in, pictures_in, read_picture
from stages.picture import Picture


class FindsFaces(Protocol):
    """What finds faces in a picture."""

    def __call__(self, picture: Picture) -> Detections: ...


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of some pictures.

    names       (B) whose each face is
    embeddings  (B, D) float32
    skipped     each picture that gave none, and why
    """

    names: list[str]
    embeddings: NDArray[np.float32]
    skipped: list[tuple[Path, str]]


def pictures_of(paths: Sequence[Path], name: str) -> list[tuple[str, Path]]:
    """Whose face is in which file.

    paths   with a name: files and folders of files; without: folders with a folder for each person
    raises  BadOptions if one of them is not there, or no file is
    """
    try:
        found = list(_each(paths, name))
    except OSError as error:
        raise BadOptions(f"{error.filename}: wanted pictures, got: {error.strerror}") from error
    if not found:
        raise BadOptions(f"wanted pictures in {', '.join(map(str, paths))}, got none")
    return found


def _each(paths: Sequence[Path], name: str) -> Iterator[tuple[str, Path]]:
    for path in paths:
        if name:
            yield from ((name, f) for f in (pictures_in(path) if path.is_dir() else [path]))
            continue
        if path.is_file():
            raise BadOptions(f"{path}: wanted a folder with a folder for each person, got a file; "
                             "of one person say --name")  # fmt: skip
        for person in people_in(path):
            yield from ((person.name, file) for file in pictures_in(person))


def look_at(
    pictures: Sequence[tuple[str, Path]], embedder: Embedder, finds: FindsFaces | None
) -> Enrolled:
    """Look at each picture. `finds` None: each shows a face and nothing else."""
    names: list[str] = []
    images: list[NDArray[np.uint8]] = []
    skipped: list[tuple[Path, str]] = []
    for name, file in pictures:
        seen = _face(file, embedder, finds)
        if isinstance(seen, str):
            skipped.append((file, seen))
        else:
            names.append(name)
            images.append(seen)
    return Enrolled(names, embedder.embed(images), skipped)


def _face(file: Path, embedder: Embedder, finds: FindsFaces | None) -> NDArray[np.uint8] | str:
    """What the recogniser is shown of a file, or why it is shown nothing."""
    picture = read_picture(file)
    if picture is None:
        if not file.exists():
            return "nothing there"
        most = MOST_PIXELS // 10**6
        return f"wanted a picture of at most {most} million pixels, got something else"
    if finds is None:
        return embedder.whole(picture)
    found = finds(picture)
    if len(found) != 1:
        return f"wanted one face, got {len(found) or 'none'}"
    image = embedder.image(picture, found, 0)
    return "wanted a face in the picture, got one beside it" if image is None else image
