"""Everything that a detector learns with, but on a network small enough for seconds."""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from models.training.batches import Batches
from models.training.checkpoint import Checkpoint
from models.training.config import Detect
from models.training.detect import precision_of, read
from models.training.fit import fit
from models.training.lesson import Lesson
from models.training.networks import input_of, normalised
from models.training.yolo_boxes import find
from models.training.yolo_loss import YoloLoss
from tests.models.training import drawn

LABELS = ("disc", "square")
EPOCHS = 30


def small(channels: int) -> keras.Model:
    """Five steps down, as a MobileNet has them, with a convolution each."""
    value = image = layers.Input((drawn.SIDE, drawn.SIDE, 3))
    for width in (8, 16, 32, 64, 64):
        value = layers.Conv2D(width, 3, strides=2, padding="same", use_bias=False)(value)
        value = layers.BatchNormalization(momentum=0.9)(value)
        value = layers.ReLU()(value)
    return keras.Model(image, layers.Conv2D(channels, 1)(value))


def test_drawn_shapes_are_found(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    drawn.coco(tmp_path / "train", range(64))
    drawn.voc(tmp_path / "dev", range(100, 116))
    data = {"images": "train/images", "annotations": "train/boxes.json", "format": "coco"}
    dev = {"images": "dev/images", "annotations": "dev/annotations", "format": "voc"}
    config = Detect.model_validate(
        {
            "task": "detect",
            "name": "shapes",
            "out": "out",
            "anchors": 2,
            "input": {"width": drawn.SIDE, "height": drawn.SIDE},
            "train": data,
            "dev": dev,
            "augment": {"jitter": 0.1, "hue": 0, "mosaic": 0.1},
            "schedule": {"epochs": EPOCHS, "rate": 0.01, "average": 0.9, "every": EPOCHS},
        }
    ).under(tmp_path)
    pictures = read(config.train, LABELS)[1]
    lesson = Lesson(config, input_of("mobilenet", config.input), pictures, LABELS)
    network = small(lesson.head.channels)
    judged = read(config.dev, LABELS)[1]
    there = [lesson.target(example) for example in judged]
    images = [image for chunk in lesson.seen(judged) for image in chunk]

    def make(index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        example = lesson.vary(index, random)
        return normalised(example.image, lesson.wanted), lesson.encoded(example)

    def score() -> float:
        said = np.asarray(network(normalised(np.stack(images), lesson.wanted), training=False))
        return precision_of([find(raw, lesson.head) for raw in said], there, LABELS)["ap50"]

    batches = Batches(len(pictures), config.schedule.batch, 0, make)
    checkpoint = Checkpoint(config.out, "{}")
    course = fit(network, YoloLoss(lesson.head), batches, score, config.schedule, checkpoint)
    assert course.history[-1]["loss"] < 0.5 * course.history[0]["loss"]
    assert course.score >= 0.6
