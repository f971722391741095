"""Say whose each face is that was found before: any ONNX model that gives embeddings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.results import Detections
from stages.errors import BadOptions
from stages.faces.align import Eyes
from stages.faces.embedder import Embedder
from stages.faces.gallery import Gallery
from stages.faces.kept import read_kept
from stages.frame import Frame
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import fed, things
from stages.votes import Looked, Votes

log = structlog.get_logger()


class RecogniseOptions(StageOptions):
    """The keys of `stage: recognise`."""

    model: str = Field(
        "face-recognition-128", description="A model of the zoo, or the path of an ONNX file."
    )
    gallery: Path = Field(
        description="A file that `framewire faces enrol` has written, or a folder with a folder "
        "for each person, named as they are, and in it pictures of them, each cropped to the face."
    )
    key: str = Field(
        "",
        description="What the gallery file is encrypted with, such as `${FACES_KEY}`; empty: "
        "nothing.",
    )
    metric: Literal["l2", "cosine"] = Field(
        "l2", description="How far two faces are apart: `l2`, or `cosine` (1 minus the cosine)."
    )
    threshold: float = Field(
        0.6,
        ge=0,
        description="A face that is farther from all known ones is `unknown`. 0.6 is "
        "face-recognition-128's for `l2`.",
    )
    margin: float = Field(
        0.0, ge=0, le=2, description="What is shown around a face, as a share of its box."
    )
    eyes: Eyes | None = Field(
        None,
        description="Turn faces upright by their eyes: which key points those are, first the one "
        "on the left of the picture. `[0, 1]` of blazeface-short; `margin` is not used then.",
    )
    votes: int = Field(
        8,
        ge=1,
        description="A face with a track is looked at so many times; from then on it keeps the "
        "name that was the nearest on average.",
    )


class Recognise(Stage):
    """The faces before it, each with a name and its distance."""

    Options: ClassVar[type[StageOptions]] = RecogniseOptions
    live: ClassVar[frozenset[str]] = frozenset({"threshold"})
    stateless = False  # what it says about a face with a track depends on what it saw of it before

    def __init__(self, options: RecogniseOptions, context: StageContext) -> None:
        """Open the model and look at the gallery.

        raises  ModelError when the model is missing or gives no embedding; BadOptions when no node
                before it finds faces, or the gallery is empty
        """
        self._inputs = fed(context, "that finds faces")
        self._embedder = Embedder(options.model, context, margin=options.margin, eyes=options.eyes)
        self._options = options
        self._votes: dict[str, Votes] = {}
        self._gallery = self._known(context.folder / options.gallery, options.key)

    def retune(self, options: BaseModel) -> None:
        """Another threshold, also for tracks that have been looked at often enough."""
        assert isinstance(options, RecogniseOptions)
        self._options = options

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections | None]:
        """One `Detections` a frame, with `distances`; None where nobody has looked for faces."""
        looked = [self._find(frame) for frame in frames]
        faces = self._embedder.embed(
            [image for one in looked if one is not None for image in one.images]
        )
        looks = iter(self._gallery.distances(faces, self._options.metric))
        return [
            None if one is None else self._name(frame, one, looks)
            for frame, one in zip(frames, looked, strict=True)
        ]

    def _find(self, frame: Frame) -> Looked | None:
        """What is to be looked at; a face of which less than 2 x 2 pixels show is left out."""
        found = things(frame, self._inputs)
        if found is None:
            return None
        if self._options.eyes is not None and len(found):
            known = 0 if found.points is None else found.points.shape[1]
            if known <= max(self._options.eyes):
                raise BadOptions(
                    f"eyes: wanted key points {list(self._options.eyes)} of each face, got {known} "
                    "key points; a node that finds eyes must be the last of `from`"
                )
        votes = self._votes.setdefault(frame.stream, Votes(self._options.votes))
        shown: list[int] = []
        rows: list[int] = []
        images: list[NDArray[np.uint8]] = []
        for row in range(len(found)):
            if found.tracks is not None and votes.settled(int(found.tracks[row])):
                shown.append(row)
                continue
            image = self._embedder.image(frame.picture, found, row)
            if image is not None:
                rows.append(len(shown))
                images.append(image)
                shown.append(row)
        return Looked(found.pick(np.array(shown, np.int64)), rows, images)

    def _name(
        self, frame: Frame, looked: Looked, looks: Iterator[NDArray[np.float32]]
    ) -> Detections:
        """The faces with the name that each look gives, or all looks at its track together."""
        nobody = np.full(len(self._gallery.names) - 1, np.inf, np.float32)
        rows = self._votes[frame.stream].tally(looked, looks, nobody, frame.pts)
        who, far = self._gallery.choose(rows, self._options.threshold)
        faces = looked.things
        return Detections(
            faces.boxes, faces.scores, who, self._gallery.names,
            faces.points, None, faces.tracks, far, faces.partial,
        )  # fmt: skip

    def _known(self, path: Path, key: str) -> Gallery:
        if not path.is_file():
            if key:
                raise BadOptions(f"gallery: wanted a file that the key encrypts, got {path}")
            return Gallery.read(
                path, lambda p: self._embedder.embed([self._embedder.whole(one) for one in p])
            )
        kept = read_kept(path, key)
        if kept.sha256 != self._embedder.sha256():
            raise BadOptions(
                f"gallery: wanted faces seen by this {self._embedder.model}, got {path} of "
                f"{kept.model}, sha256 {kept.sha256[:12]}: enrol them again"
            )
        if not kept.names:
            raise BadOptions(f"gallery: wanted people in {path}, got none")
        if kept.shown != self._embedder.shown:
            log.warning(
                "gallery: faces were enrolled in another way than they are met",
                enrolled=kept.shown,
                met=self._embedder.shown,
            )
        return kept.gallery()
