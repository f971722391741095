"""Known faces: what a recogniser says about each person's pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import structlog
from numpy.typing import NDArray

from stages.errors import BadOptions
from stages.picture import Picture

log = structlog.get_logger()

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
UNKNOWN = "unknown"

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
            people = sorted(one for one in folder.iterdir() if one.is_dir())
            files = [
                (number, file)
                for number, person in enumerate(people)
                for file in sorted(person.iterdir())
                if file.suffix.lower() in SUFFIXES
            ]
        except OSError as error:
            raise BadOptions(
                f"gallery: wanted a folder with a folder for each person, got {folder}: "
                f"{error.strerror}"
            ) from error
        seen: list[tuple[int, Picture]] = []
        for number, file in files:
            pixels = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if pixels is None:
                log.warning("gallery: no picture", file=str(file))
            else:
                seen.append((number, Picture.from_bgr(np.asarray(pixels, np.uint8))))
        if not seen:
            raise BadOptions(f"gallery: wanted pictures in {folder}/NAME, got none")
        return Gallery(
            (*(person.name for person in people), UNKNOWN),
            np.array([number for number, _ in seen], np.int64),
            embed([picture for _, picture in seen]),
            len(files) - len(seen),
        )

    def nearest(
        self, faces: NDArray[np.float32], metric: str, threshold: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Who each of B faces (B, D) is, and how far from the nearest one of that person.

        metric     "l2", or "cosine": one minus the cosine of the angle
        threshold  above it a face is unknown
        returns    (B,) int64 numbers of names, (B,) float32
        """
        if not len(faces):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if metric == "cosine":
            distances = 1 - _unit(faces) @ _unit(self.embeddings).T
        else:
            distances = np.linalg.norm(faces[:, None] - self.embeddings[None], axis=2)
        best = distances.argmin(axis=1)
        least = distances[np.arange(len(faces)), best].astype(np.float32)
        who = np.where(least <= threshold, self.people[best], len(self.names) - 1)
        return who.astype(np.int64), least


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)
