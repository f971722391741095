"""A solid shape for each face that was found before: any ONNX model that gives a volume."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import Field

from models.results import Mesh3d
from stages.errors import BadOptions
from stages.faces.surface import Surface, surface_of, write_glb, write_obj
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Crop, Wanted
from stages.stage import Stage, StageContext, StageOptions
from stages.upstream import fed, things

log = structlog.get_logger()

Format = Literal["glb", "obj"]
WRITERS: dict[Format, Callable[[Path, Surface], None]] = {"glb": write_glb, "obj": write_obj}


class Face3dOptions(StageOptions):
    """The keys of `stage: face3d`."""

    model: str = Field(
        "vrn-unguided", description="A model of the zoo, or the path of an ONNX file."
    )
    folder: Path = Field(
        Path("out/faces3d"),
        description="Where the files go, relative to the config: STREAM-NUMBER-FACE.glb.",
    )
    formats: tuple[Format, ...] = Field(
        ("glb", "obj"), min_length=1, description="`glb` (glTF 2.0), `obj` (Wavefront), or both."
    )
    level: float = Field(
        10.0, gt=0, lt=255, description="A cell counts as filled from here, of 255. VRN has 10."
    )
    margin: float = Field(
        0.57,
        ge=0,
        le=2,
        description="What is shown on each side of a face, as a share of the root of its box's "
        "area. VRN's own pictures have 0.57: a face of 90 in 192 pixels.",
    )
    most: int = Field(
        1, ge=1, le=32, description="The largest faces of a frame that are looked at."
    )
    keep: int = Field(
        100,
        ge=1,
        description="How many faces of a stream stay on the disk; older ones are deleted.",
    )


class Face3d(Stage):
    """The shape of each face in each frame, written to files."""

    Options: ClassVar[type[StageOptions]] = Face3dOptions
    stateless = False  # it deletes what it wrote before

    def __init__(self, options: Face3dOptions, context: StageContext) -> None:
        """Open the model and make the folder.

        raises  ModelError when the model is missing or gives no volume; BadOptions when no node
                before it finds faces, without the package scikit-image, or if the folder cannot be
        """
        self._inputs = fed(context, "that finds faces")
        if find_spec("skimage") is None:
            raise BadOptions(
                "stage face3d: wanted the package scikit-image: pip install 'framewire[face3d]'"
            )
        self._spec, self._session = open_model(options.model, "volume", context)
        self._options = options
        self._folder = context.folder / options.folder
        self._written: dict[str, deque[tuple[Path, ...]]] = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadOptions(
                f"{context.node}.folder: wanted a folder to write to, got {self._folder}: "
                f"{error.strerror}"
            ) from error

    def run(self, frames: Sequence[Frame]) -> Sequence[Mesh3d | None]:
        """One `Mesh3d` a frame; None where nobody has looked for faces."""
        return [self._look(frame) for frame in frames]

    def _look(self, frame: Frame) -> Mesh3d | None:
        found = things(frame, self._inputs)
        if found is None:
            return None
        boxes: list[NDArray[np.float32]] = []
        counts: list[tuple[int, int]] = []
        files: list[tuple[str, ...]] = []
        for box, crop in self._crops(frame, found.boxes):
            shape = self._shape(frame, crop)
            if shape is None:
                log.warning("face3d: no shape", stream=frame.stream, seq=frame.seq)
                continue
            paths = self._write(frame, len(files), shape)
            boxes.append(box)
            counts.append((len(shape.points), len(shape.triangles)))
            files.append(tuple(map(str, paths)))
        numbers = np.array(counts, np.int64).reshape(-1, 2)
        stacked = np.array(boxes, np.float32).reshape(-1, 4)
        return Mesh3d(stacked, numbers[:, 0], numbers[:, 1], tuple(files))

    def _crops(
        self, frame: Frame, boxes: NDArray[np.float32]
    ) -> Sequence[tuple[NDArray[np.float32], Crop]]:
        """A square around each of the largest faces, as far as it lies on the picture."""
        size = np.array(frame.picture.size, np.float32)
        usable = np.flatnonzero(np.all(np.isfinite(boxes), axis=1))
        boxes = np.clip(boxes[usable], -10, 10)
        low, high = boxes[:, :2], boxes[:, 2:]
        side = np.sqrt(np.prod(np.maximum(high - low, 0) * size, axis=1))
        half = (side[:, None] * (0.5 + self._options.margin)) / size
        middle = (low + high) / 2
        around = np.hstack([middle - half, middle + half])
        crops = (
            (boxes[row], frame.picture.around(around[row]))
            for row in np.argsort(-side, kind="stable")
        )
        seen = [(box, crop) for box, crop in crops if crop is not None]
        return seen[: self._options.most]

    def _shape(self, frame: Frame, crop: Crop) -> Surface | None:
        # At the edge of a picture a crop is no square: VRN's run.m puts black beside it.
        wanted = replace(
            Wanted.by(self._spec.input, exact=False, crop=crop), fit="letterbox", pad=0
        )
        image = frame.picture.pixels(wanted)
        volume = np.asarray(self._session.run({"image": image[None]})["volume"], np.uint8)[0]
        shown = image if self._spec.input.order == "rgb" else image[..., ::-1]
        return surface_of(volume, shown, self._options.level)

    def _write(self, frame: Frame, number: int, shape: Surface) -> Sequence[Path]:
        stem = f"{frame.stream}-{frame.seq:08d}-{number}"
        paths = tuple(
            self._folder / f"{stem}.{kind}" for kind in dict.fromkeys(self._options.formats)
        )
        for path in paths:
            WRITERS["glb" if path.suffix == ".glb" else "obj"](path, shape)
        mine = self._written.setdefault(frame.stream, deque())
        mine.append(paths)
        while len(mine) > self._options.keep:
            for old in mine.popleft():
                old.unlink(missing_ok=True)
        return paths
