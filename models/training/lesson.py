"""Pictures with boxes as a detector learns from them: looked at whole, or varied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.export.yolo import STRIDE, Head
from models.spec import Input
from models.training.augment import Boxes, draw_showing, mosaic, see, see_boxes, whole
from models.training.config import Detect
from models.training.evaluate import There
from models.training.examples import Boxed, Pixels, read_picture
from models.training.yolo_loss import encode, find_anchors

CHUNK = 8  # pictures that are looked at together, when they are not learnt from


@dataclass(frozen=True, slots=True)
class Example:
    """A picture as the network gets it, (H, W, 3) uint8, and its boxes in [0, 1] of it."""

    image: Pixels
    boxes: Boxes
    classes: NDArray[np.int64]


class Lesson:
    """The pictures to learn from, as they are varied.

    wanted    the picture that the network is fed
    head      how its output is laid out
    pictures  what is learnt from
    """

    def __init__(
        self, config: Detect, wanted: Input, pictures: Sequence[Boxed], labels: tuple[str, ...]
    ) -> None:
        self.wanted = wanted
        self._how = config.augment
        self.pictures = pictures
        self._size = (wanted.height, wanted.width)
        rows, columns = wanted.height // STRIDE, wanted.width // STRIDE
        anchors = config.anchors
        if isinstance(anchors, int):
            anchors = find_anchors(self._sizes() * (columns, rows), anchors, config.seed)
        self.head = Head(rows, columns, anchors, len(labels), class_logits=len(labels) > 1)

    def _sizes(self) -> NDArray[np.float32]:
        """(N, 2): width and height of every box of `train`, in [0, 1] of the input."""
        corners = np.concatenate([self.target(example).boxes for example in self.pictures])
        return np.asarray(corners[:, 2:] - corners[:, :2], np.float32)

    def target(self, example: Boxed) -> There:
        """The boxes of a picture that is looked at as a whole."""
        view = whole(read_picture(example.file).shape[:2], self.wanted)
        boxes, kept = see_boxes(example.boxes, view, keep=0)
        return There(boxes[kept], example.classes[kept])

    def seen(self, examples: Sequence[Boxed]) -> Iterator[list[Pixels]]:
        """The pictures as a whole, some at a time."""
        for start in range(0, len(examples), CHUNK):
            images = [read_picture(one.file) for one in examples[start : start + CHUNK]]
            yield [see(i, whole(i.shape[:2], self.wanted), self._size) for i in images]

    def vary(self, index: int, random: np.random.Generator) -> Example:
        """A picture, or four in one, with its boxes."""
        if random.random() >= self._how.mosaic:
            return self._one(index, random, self._size)
        half = (self._size[0] // 2, self._size[1] // 2)
        others = random.integers(0, len(self.pictures), 3).tolist()
        parts = [self._one(i, random, half) for i in (index, *others)]
        image, boxes = mosaic([(part.image, part.boxes) for part in parts])
        return Example(image, boxes, np.concatenate([part.classes for part in parts]))

    def _one(self, index: int, random: np.random.Generator, size: tuple[int, int]) -> Example:
        example = self.pictures[index]
        image = read_picture(example.file)
        about = whole(image.shape[:2], self.wanted)
        view = draw_showing(random, about, self._how, example.boxes)
        boxes, kept = see_boxes(example.boxes, view, self._how.keep)
        return Example(see(image, view, size), boxes[kept], example.classes[kept])

    def encoded(self, example: Example) -> NDArray[np.float32]:
        """What the network should say."""
        return encode(example.boxes, example.classes, self.head)
