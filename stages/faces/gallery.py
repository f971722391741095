"""Known faces: what a recogniser says about each person's pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from models.files import PICTURES
from stages.capture.folder import measure
from stages.errors import BadOptions
from stages.picture import Picture

log = structlog.get_logger()

UNKNOWN = "unknown"
MOST_PIXELS = 100_000_000  # of a photograph; three megabytes of PNG may unfold to three gigabytes

Embed = Callable[[Sequence[Picture]], NDArray[np.float32]]
"""(B, D) of B pictures, each of one face that fills it."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """People and their faces.

    names       of the people, and `unknown` last
    people      (N,) int64: whose face each is
    embeddings  (N, D) float32
    skipped     files that are no picture
    """

    names: tuple[str, ...]
    people: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    skipped: int = 0

    @staticmethod
    def read(folder: Path, embed: Embed) -> "Gallery":
        """Look at `folder/NAME/*.jpg`, each cropped to a face as the recogniser wants it.

        A file that is no picture is told and passed over.
        raises  BadOptions if the folder cannot be read, or holds no person with a picture
        """
        try:
            people = people_in(folder)
            files = [(n, file) for n, person in enumerate(people) for file in pictures_in(person)]
        except OSError as error:
            raise BadOptions(
                f"gallery: wanted a folder with a folder for each person, got {folder}: "
                f"{error.strerror}"
            ) from error
        seen: list[tuple[int, Picture]] = []
        for number, file in files:
            picture = read_picture(file)
            if picture is None:
                log.warning("gallery: no picture", file=str(file))
            else:
                seen.append((number, picture))
        if not seen:
            raise BadOptions(f"gallery: wanted pictures in {folder}/NAME, got none")
        return Gallery(
            (*(person.name for person in people), UNKNOWN),
            np.array([number for number, _ in seen], np.int64),
            embed([picture for _, picture in seen]),
            len(files) - len(seen),
        )

    def distances(self, faces: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
        """How far each of B faces (B, D) is from the nearest one of each of P people.

        metric   "l2", or "cosine": one minus the cosine of the angle
        returns  (B, P) float32; infinite for a person of whom there is no face
        """
        far = np.full((len(faces), len(self.names) - 1), np.inf, np.float32)
        if not len(faces):
            return far
        if metric == "cosine":
            each = 1 - _unit(faces) @ _unit(self.embeddings).T
        else:
            # Of a crowd, all differences side by side would need gigabytes; in float64 nothing is
            # lost by multiplying out.
            one, other = faces.astype(np.float64), self.embeddings.astype(np.float64)
            squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
            each = np.sqrt(np.maximum(squares, 0))
        for column, person in enumerate(self.people.tolist()):
            np.minimum(far[:, person], each[:, column], out=far[:, person])
        return far

    def choose(
        self, distances: NDArray[np.float32], threshold: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Who is nearest, of distances (B, P).

        threshold  above it a face is unknown
        returns    (B,) int64 numbers of names, (B,) float32
        """
        best = distances.argmin(axis=1)
        least = distances[np.arange(len(distances)), best]
        return np.where(least <= threshold, best, len(self.names) - 1).astype(np.int64), least


def people_in(folder: Path) -> Sequence[Path]:
    """The folders of people in a folder, by their names. Raises OSError."""
    return sorted(one for one in folder.iterdir() if one.is_dir())


def read_picture(file: Path) -> Picture | None:
    """The picture in a file; None if there is none, or one of more than `MOST_PIXELS`."""
    size = measure(file, MOST_PIXELS) if file.is_file() else None
    if size is None or size[0] * size[1] > MOST_PIXELS:
        return None
    try:
        pixels = cv2.imread(str(file), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else Picture.from_bgr(np.asarray(pixels, np.uint8))


def pictures_in(folder: Path) -> Sequence[Path]:
    """The files in a folder that should be pictures, by their names. Raises OSError."""
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in PICTURES]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)
