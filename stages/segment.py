"""Name each cell of a picture: any ONNX segmenter that keeps the contract of one."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from models.errors import BadModel
from models.results import Segmentation
from models.results.segmentation import BACKGROUND
from stages.errors import BadOptions
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Crop, Wanted
from stages.placement import Placement
from stages.presence import Presence
from stages.regions import Pieces
from stages.shapes import Share
from stages.stage import Stage, StageContext, StageOptions


class SegmentOptions(StageOptions):
    """The keys of `stage: segment`."""

    model: str = Field(description="A model of the zoo, or the path of an ONNX file.")
    classes: tuple[str, ...] = Field(
        (), description="The classes that are reported; the others become background. All, if left "
        "out.",
    )  # fmt: skip
    crop: tuple[int, int, int, int] | None = Field(
        None,
        description="Look only at this part of the picture: x, y, width, height in its pixels. The "
        "surgical models were trained on `[320, 28, 1280, 1024]` of 1920x1080.",
    )
    smooth: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="How much of what was seen before stays, from one frame to the next: 0.7 takes "
        "flicker away and follows what moves within about three frames.",
    )
    presence: Share | None = Field(
        None,
        description="Announce `presence.entered` when a class covers more than this share of the "
        "picture, and `presence.left` when it covers less than half as much.",
    )
    regions: bool = Field(
        False,
        description="Report each connected piece of a class by itself: its share of the picture, "
        "its outline, and its tip, the point farthest from the edge that it enters by.",
    )
    least_area: float = Field(
        0.001,
        gt=0,
        le=1,
        description="Pieces that cover less than this share of the picture are left out of "
        "`regions`.",
    )
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )


class Segment(Stage):
    """The class of each cell of a grid over each frame."""

    Options: ClassVar[type[StageOptions]] = SegmentOptions
    live: ClassVar[frozenset[str]] = frozenset({"presence", "least_area"})

    def __init__(self, options: SegmentOptions, context: StageContext) -> None:
        """Open the model.

        raises  ModelError when it is missing or not a segmenter; BadOptions when it does not know a
                class that is named
        """
        self._spec, self._session = open_model(options.model, "segment", context)
        labels = self._spec.labels
        if unknown := [name for name in options.classes if name not in labels]:
            raise BadOptions(
                f"{context.node}.classes: wanted classes of {options.model} ({', '.join(labels)}), "
                f"got {unknown[0]!r}"
            )
        self._context = context
        wanted = options.classes or labels
        kept = [c if name in wanted else BACKGROUND for c, name in enumerate(labels)]
        self._kept = np.array(kept, np.uint8)
        self._before: dict[str, NDArray[np.float32]] = {}
        self._presence: Presence | None = None
        self.retune(options)

    def retune(self, options: BaseModel) -> None:
        """Other thresholds; what is present by the one before is not announced again."""
        assert isinstance(options, SegmentOptions)
        self._options = options
        self._pieces = Pieces(options.least_area) if options.regions else None
        if options.presence is None:
            self._presence = None
        elif self._presence is None:
            self._presence = Presence(options.presence, self._context)
        else:
            self._presence.least = options.presence

    def run(self, frames: Sequence[Frame]) -> Sequence[Segmentation]:
        """One `Segmentation` a frame. Raises BadModel at a class that has no label."""
        wanted = [self._wanted() for _ in frames]
        images = [f.picture.pixels(one) for f, one in zip(frames, wanted, strict=True)]
        maps = np.asarray(self._session.run({"image": np.stack(images)})["classes"], np.uint8)
        return [
            self._said(frame, grid, frame.picture.placed(one))
            for frame, grid, one in zip(frames, maps, wanted, strict=True)
        ]

    def _wanted(self) -> Wanted:
        crop: Crop | None = None
        if self._options.crop is not None:
            x, y, width, height = self._options.crop
            crop = (x, y, x + width, y + height)
        return Wanted.by(self._spec.input, exact=self._options.exact, crop=crop)

    def _said(self, frame: Frame, grid: NDArray[np.uint8], place: Placement) -> Segmentation:
        if grid.max(initial=0) >= len(self._kept):
            raise BadModel(
                f"{self._options.model}: wanted classes below {len(self._kept)}, as it has labels, "
                f"got {grid.max()}"
            )
        shown = self._smoothed(frame.stream, self._kept[grid[_visible(grid, place)]])
        pieces = self._pieces
        regions = None if pieces is None else pieces.of(shown, place, frame.picture.size)
        said = Segmentation(_whole(shown, place), self._spec.labels, regions)
        if self._presence is not None:
            self._presence.look(frame, said)
        return said

    def _smoothed(self, stream: str, grid: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The class of each cell that had most of the weight, of this frame and those before."""
        if not self._options.smooth:
            return grid
        now = np.eye(len(self._spec.labels), dtype=np.float32)[grid]
        before = self._before.get(stream)
        if before is not None and before.shape == now.shape:
            weight = np.float32(self._options.smooth)
            now = np.asarray(before * weight + now * (1 - weight), np.float32)
        self._before[stream] = now
        return np.asarray(now.argmax(axis=2), np.uint8)


def _visible(grid: NDArray[np.uint8], place: Placement) -> tuple[slice, slice]:
    """The rows and columns of a grid over the model's input that show the picture."""
    down, across = grid.shape[0] / place.height, grid.shape[1] / place.width
    top, left = round(place.top * down), round(place.left * across)
    rows = max(1, round(place.inner_height * down))
    columns = max(1, round(place.inner_width * across))
    return slice(top, top + rows), slice(left, left + columns)


def _whole(grid: NDArray[np.uint8], place: Placement) -> NDArray[np.uint8]:
    """A grid over the whole picture, of one over a part of it: the rest is background."""
    x, y, width, height = place.part
    if (width, height) == (1.0, 1.0):
        return np.ascontiguousarray(grid)
    rows, columns = grid.shape
    whole = np.full((round(rows / height), round(columns / width)), BACKGROUND, np.uint8)
    top = min(round(y * whole.shape[0]), whole.shape[0] - rows)
    left = min(round(x * whole.shape[1]), whole.shape[1] - columns)
    whole[top : top + rows, left : left + columns] = grid
    return whole
