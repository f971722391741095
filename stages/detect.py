"""Find things in frames: any ONNX detector that keeps the contract, with masks or without."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.errors import BadModel
from models.results import Detections
from models.spec import MOST_BOXES
from stages.errors import BadOptions
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Crop, Picture, Wanted
from stages.placement import Placement
from stages.shapes import Polygon, Share, within
from stages.stage import Stage, StageContext, StageOptions
from stages.tiles import Tiles, apart, joined


class DetectOptions(StageOptions):
    """The keys of `stage: detect`."""

    model: str = Field(description="A model of the zoo, or the path of an ONNX file.")
    score: float = Field(0.5, ge=0, le=1, description="Least score of what is reported.")
    scores: dict[str, Share] = Field(
        {}, description="Least scores of single classes, by their names; others have `score`."
    )
    classes: tuple[str, ...] = Field(
        (), description="The classes that are reported, by their names. All, if left out."
    )
    iou: float = Field(
        0.3, ge=0, le=1, description="Boxes that overlap a better one by more are left out."
    )
    regions: tuple[Polygon, ...] = Field(
        (),
        description="Polygons, corners `[x, y]` in [0, 1] of the picture: things whose middle lies "
        "in none of them are left out.",
    )
    most: int = Field(300, ge=1, description="At most so many things of a frame: the surest.")
    tiles: Tiles | None = Field(
        None,
        description="Look also at tiles of the picture, each at the model's full input, for things "
        "that are too small in the whole: `{ columns: 2, rows: 2, overlap: 0.2 }`.",
    )
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )


class Detect(Stage):
    """Boxes, scores and classes of all things in each frame, and key points or masks if it can."""

    Options: ClassVar[type[StageOptions]] = DetectOptions
    live: ClassVar[frozenset[str]] = frozenset({"score", "scores", "iou"})
    stateless = True

    def __init__(self, options: DetectOptions, context: StageContext) -> None:
        """Open the model.

        raises  ModelError when it is missing or not a detector; BadOptions when it does not know a
                class that is named
        """
        self._spec, self._session = open_model(options.model, ("detect", "instances"), context)
        self._node = context.node
        self._regions = [np.array(region, np.float32) for region in options.regions]
        self.retune(options)

    def retune(self, options: BaseModel) -> None:
        """Other thresholds. Raises BadOptions when the model does not know a class in `scores`."""
        assert isinstance(options, DetectOptions)
        self._least = self._thresholds(options)
        self._options = options
        limits = {"score_threshold": float(self._least.min()), "iou_threshold": options.iou}
        self._limits = {
            name: np.array(value, np.float32)
            for name, value in limits.items()
            if name in self._session.inputs
        }

    def _thresholds(self, options: DetectOptions) -> NDArray[np.float32]:
        """(C,) float32: the least score of each class; infinite for one that is not wanted."""
        labels = self._spec.labels
        for key, names in (("classes", options.classes), ("scores", options.scores)):
            if unknown := [name for name in names if name not in labels]:
                raise BadOptions(
                    f"{self._node}.{key}: wanted classes of {options.model}, got {unknown[0]!r}; "
                    f"{_like(unknown[0], labels)}"
                )
        least = np.array([options.scores.get(name, options.score) for name in labels], np.float32)
        if options.classes:
            least[[name not in options.classes for name in labels]] = np.inf
        return least

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        """One `Detections` a frame, empty where nothing was found.

        raises  BadModel if the model gives what does not fit together
        """
        looks = [(index, one) for index, f in enumerate(frames) for one in self._wanted(f.picture)]
        images = np.stack([frames[index].picture.pixels(wanted) for index, wanted in looks])
        places = [frames[index].picture.placed(wanted) for index, wanted in looks]
        feeds: dict[str, NDArray[np.generic]] = {"image": images, **self._limits}
        if "window" in self._session.inputs:
            feeds["window"] = np.array([_window(place) for place in places], np.float32)
        found = self._found(self._session.run(feeds), places)
        per_frame: list[list[Detections]] = [[] for _ in frames]
        for (index, _), one in zip(looks, found, strict=True):
            per_frame[index].append(one)
        return [self._chosen(several) for several in per_frame]

    def _wanted(self, picture: Picture) -> Sequence[Wanted]:
        """The whole picture, and its tiles."""
        crops: list[Crop | None] = [None]
        if self._options.tiles is not None:
            crops += self._options.tiles.crops(picture.width, picture.height)
        exact = self._options.exact
        return [Wanted.by(self._spec.input, exact=exact, crop=crop) for crop in crops]

    def _found(
        self, out: Mapping[str, NDArray[np.generic]], places: Sequence[Placement]
    ) -> Sequence[Detections]:
        """What the model says about each of its inputs, in [0, 1] of the whole picture."""
        boxes, scores = (np.asarray(out[name], np.float32) for name in ("boxes", "scores"))
        classes = np.asarray(out["classes"], np.int64)
        self._check(out, len(places))
        points = np.asarray(out["points"], np.float32) if "points" in out else None
        masks = np.asarray(out["masks"], np.uint8) if "masks" in out else None
        sure, found = scores >= self._least.min(), []
        for index, place in enumerate(places):
            mine = out["batch"] == index
            found.append(
                Detections(
                    place.undo(boxes[mine]), scores[mine], classes[mine], self._spec.labels,
                    None if points is None else place.undo(points[mine]),
                    None if masks is None else masks[mine],
                    # Of its surest, a model made here gives so many and no more.
                    partial=int(np.count_nonzero(sure & mine)) >= MOST_BOXES,
                )
            )  # fmt: skip
        return found

    def _check(self, out: Mapping[str, NDArray[np.generic]], pictures: int) -> None:
        """Raise BadModel where things have no picture, or there are more of one kind of number."""
        rows = {name: len(out[name]) for name in ("boxes", "scores", "classes", "batch")}
        if len(set(rows.values())) > 1:
            told = ", ".join(f"{count} {name}" for name, count in rows.items())
            raise BadModel(f"{self._options.model}: wanted as many of each, got {told}")
        batch = np.asarray(out["batch"], np.int64)
        if len(batch) and not 0 <= batch.min() <= batch.max() < pictures:
            raise BadModel(
                f"{self._options.model}: wanted things in {pictures} pictures, got some in "
                f"{batch.min()} to {batch.max()}"
            )

    def _chosen(self, several: Sequence[Detections]) -> Detections:
        """What is reported of what was found in a picture and in its tiles."""
        found = joined(several)
        finite = np.isfinite(found.scores) & np.all(np.isfinite(found.boxes), axis=1)
        keep = finite & (found.scores >= self._least[found.classes])
        rows = np.flatnonzero(keep)
        if self._regions:
            rows = rows[self._inside(found.boxes[rows])]
        rows = rows[np.argsort(-found.scores[rows], kind="stable")]
        if len(several) > 1 and len(rows):
            rows = rows[apart(found.pick(rows), self._options.iou, self._options.most + 1)]
        most = self._options.most
        partial = found.partial or not finite.all() or len(rows) > most
        return replace(found.pick(rows[:most]), partial=partial)

    def _inside(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which boxes, (N, 4), have their middle in one of the regions."""
        middles = ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist()
        return np.array(
            [any(within(region, (x, y)) for region in self._regions) for x, y in middles], bool
        )


def _like(name: str, labels: Sequence[str]) -> str:
    """What may have been meant by a class that the model does not know."""
    if near := get_close_matches(name, labels, n=3):
        return f"did you mean {' or '.join(near)}?"
    return f"it knows {', '.join(labels[:12])}{', ...' if len(labels) > 12 else ''}"


def _window(place: Placement) -> tuple[float, float, float, float]:
    """x1 y1 x2 y2 in [0, 1] of the input: where the picture lies, and not the padding."""
    left, top = place.left / place.width, place.top / place.height
    return (
        left,
        top,
        left + place.inner_width / place.width,
        top + place.inner_height / place.height,
    )
