"""Name the whole picture, a part of it, or each thing that was found in it before."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.class_count import wrong_labels
from models.errors import BadModel
from models.results import Detections, Labels
from stages.errors import BadOptions
from stages.frame import Frame
from stages.model import in_parts, open_model
from stages.picture import Wanted
from stages.shapes import Share
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import things
from stages.votes import Looked, Votes


class ClassifyOptions(StageOptions):
    """The keys of `stage: classify`."""

    model: str = Field(description="A model of the zoo, or the path of an ONNX file.")
    top: int = Field(5, ge=1, description="How many of the likeliest classes are reported.")
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )
    region: tuple[Share, Share, Share, Share] | None = Field(
        None, description="Look only at this part of the picture: x1, y1, x2, y2 in [0, 1]."
    )
    crop: bool | str | tuple[str, ...] = Field(
        False,
        description="Look at each thing that a node before it has found: `true` for all, or the "
        "classes to look at. The result then is those things, with the likeliest class of each.",
    )
    margin: float = Field(
        0.1, ge=0, le=2, description="What a crop shows around a thing, as a share of its box."
    )
    votes: int = Field(
        8,
        ge=1,
        description="A thing with a track is looked at so many times; from then on it keeps the "
        "class that was the likeliest on average.",
    )


class Classify(Stage):
    """The likeliest classes of each frame, or of each thing in it."""

    Options: ClassVar[type[StageOptions]] = ClassifyOptions

    def __init__(self, options: ClassifyOptions, context: StageContext) -> None:
        """Open the model.

        raises  ModelError when it is missing or not a classifier; BadOptions when things are to be
                looked at, and no node before it finds any
        """
        if options.crop and not context.inputs:
            raise BadOptions(f"{context.node}.crop: wanted a node that finds things, got none")
        if options.crop and options.region:
            raise BadOptions(f"{context.node}: wanted `crop` or `region`, got both")
        self._spec, self._session = open_model(options.model, "classify", context)
        self._options = options
        self._inputs = context.inputs
        self._top = min(options.top, len(self._spec.labels))
        self._votes: dict[str, Votes] = {}
        # What it says about a thing with a track depends on what it saw of it before.
        self.stateless = not options.crop
        crop = options.crop
        self._only = (
            None if isinstance(crop, bool) else {crop} if isinstance(crop, str) else {*crop}
        )

    def run(self, frames: Sequence[Frame]) -> Sequence[Labels | Detections | None]:
        """One result a frame; None where nobody has looked for things to look at."""
        if self._options.crop:
            return self._each_thing(frames)
        wanted = [self._wanted(frame) for frame in frames]
        images = [f.picture.pixels(one) for f, one in zip(frames, wanted, strict=True)]
        rows = self._probabilities(images)
        best = np.argsort(-rows, axis=1, kind="stable")[:, : self._top]
        return [
            Labels(row[order], order.astype(np.int64), self._spec.labels)
            for row, order in zip(rows, best, strict=True)
        ]

    def _wanted(self, frame: Frame) -> Wanted:
        crop = None
        if self._options.region is not None:
            crop = frame.picture.around(np.array(self._options.region, np.float32))
            if crop is None:
                raise BadOptions(
                    f"region: wanted a part of the picture, got {self._options.region}"
                )
        return Wanted.by(self._spec.input, exact=self._options.exact, crop=crop)

    def _probabilities(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """(B, C) of B pictures, in as many calls as it takes. Raises BadModel if it is not that."""
        count = len(self._spec.labels)
        parts = [out["probabilities"] for out in in_parts(self._session, images)]
        got = [part.shape for part in parts]
        if odd := [shape for shape in got if shape[1:] != (count,)]:
            raise BadModel(f"{self._options.model}: {wrong_labels(odd[0][-1], count)}")
        if sum(shape[0] for shape in got) != len(images):
            raise BadModel(
                f"{self._options.model}: wanted {len(images)} rows of probabilities, got "
                f"{sum(shape[0] for shape in got)}"
            )
        return np.concatenate([np.empty((0, count), np.float32), *parts]).astype(np.float32)

    def _each_thing(self, frames: Sequence[Frame]) -> Sequence[Detections | None]:
        looked = [self._find(frame) for frame in frames]
        crops = [image for one in looked if one is not None for image in one.images]
        rows = iter(self._probabilities(crops))
        return [
            None if one is None else self._name(frame, one, rows)
            for frame, one in zip(frames, looked, strict=True)
        ]

    def _find(self, frame: Frame) -> Looked | None:
        """What is to be looked at; a thing of which less than 2 x 2 pixels show is left out."""
        found = things(frame, self._inputs)
        if found is None:
            return None
        crops = [frame.picture.around(box, self._options.margin) for box in found.boxes]
        shown = [
            row
            for row, crop in enumerate(crops)
            if crop is not None
            and (self._only is None or found.labels[found.classes[row]] in self._only)
        ]
        chosen = found.pick(np.array(shown, np.int64))
        votes = self._votes.setdefault(frame.stream, Votes(self._options.votes))
        tracks = chosen.tracks
        rows = [n for n in range(len(shown)) if tracks is None or not votes.settled(int(tracks[n]))]
        model, exact = self._spec.input, self._options.exact
        images = [
            frame.picture.pixels(Wanted.by(model, exact=exact, crop=crops[shown[row]]))
            for row in rows
        ]
        return Looked(chosen, rows, images)

    def _name(
        self, frame: Frame, looked: Looked, looks: Iterator[NDArray[np.float32]]
    ) -> Detections:
        """The things with the class that each look gives, or all looks at its track together."""
        nothing = np.zeros(len(self._spec.labels), np.float32)
        rows = self._votes[frame.stream].tally(looked, looks, nothing, frame.pts)
        classes = rows.argmax(axis=1).astype(np.int64)
        scores = rows[np.arange(len(rows)), classes]
        found = looked.things
        return Detections(
            found.boxes, scores, classes, self._spec.labels, tracks=found.tracks,
            partial=found.partial,
        )  # fmt: skip
