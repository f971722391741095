"""Trains a YOLOv2 detector on a MobileNet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import BadData
from models.session import open_session
from models.spec import ModelSpec
from models.training import export, networks
from models.training.batches import Batches
from models.training.coco import read_coco
from models.training.config import Coco, Detect, Voc
from models.training.evaluate import Found, There, average_precision
from models.training.examples import Boxed
from models.training.fit import fit
from models.training.lesson import CHUNK, Lesson
from models.training.outcome import Outcome
from models.training.progress import counted
from models.training.setting import Setting
from models.training.voc import read_voc
from models.training.yolo_boxes import LEAST_SCORE, OVERLAP, find
from models.training.yolo_loss import YoloLoss

Floats = NDArray[np.float32]


def read(data: Voc | Coco, labels: tuple[str, ...]) -> tuple[tuple[str, ...], list[Boxed]]:
    """The classes and the pictures, in whichever format they are."""
    return read_coco(data, labels) if isinstance(data, Coco) else read_voc(data, labels)


def train(config: Detect, setting: Setting) -> Outcome:
    """Read, train, write, score. Raises BadData and BadWeights."""
    labels, pictures = read(config.train, config.labels)
    dev = read(config.dev, labels)[1]
    lesson = Lesson(config, networks.input_of("mobilenet", config.input), pictures, labels)
    body = networks.backbone("mobilenet", lesson.wanted, config.alpha, config.weights)
    network = networks.detector(body, lesson.head.channels)
    if config.frozen:
        networks.freeze(network, config.frozen)
    work = (
        _kept(config, lesson, network, dev) if config.views else _live(config, lesson, network, dev)
    )
    there = [lesson.target(example) for example in dev]

    def score() -> float:
        said = (raw for x in work.judged() for raw in np.asarray(work.learner(x, training=False)))
        return precision_of([find(raw, lesson.head) for raw in said], there, labels)["ap50"]

    loss = YoloLoss(lesson.head)
    course = fit(
        work.learner, loss, work.batches, score, config.schedule, setting.checkpoint, setting.events
    )
    spec = ModelSpec(
        *(config.name, "own", "detect", lesson.wanted, labels, config.licence, config.source, None),
        anchors=lesson.head.anchors,
    )
    file = export.write(
        network, spec, export.boxes(lesson.head), config.out, mirror=False, halves=config.halves
    )
    return Outcome(
        file,
        precision_of(run(file, spec, lesson, dev), there, labels),
        course,
        {"train": len(pictures), "dev": len(dev)},
        {"anchors": lesson.head.anchors, "labels": labels},
    )


def run(file: Path, spec: ModelSpec, lesson: Lesson, examples: Sequence[Boxed]) -> list[Found]:
    """What the ONNX file finds in pictures, down to boxes that are hardly sure."""
    session = open_session(file, device="cpu")
    session.check_against(spec)
    limits = {
        "score_threshold": np.array(LEAST_SCORE, np.float32),
        "iou_threshold": np.array(OVERLAP, np.float32),
    }
    found = []
    for images in lesson.seen(examples):
        out = session.run({"image": np.stack(images), **limits})
        boxes, scores = np.asarray(out["boxes"], np.float32), np.asarray(out["scores"], np.float32)
        classes = np.asarray(out["classes"], np.int64)
        for number in range(len(images)):
            mine = out["batch"] == number
            found.append(Found(boxes[mine], scores[mine], classes[mine]))
    return found


def precision_of(
    found: Sequence[Found], there: Sequence[There], labels: Sequence[str]
) -> dict[str, float]:
    """ap50 and ap75, the means over the classes that are in the pictures."""
    scores = {}
    for key, least in (("ap50", 0.5), ("ap75", 0.75)):
        each = [average_precision(found, there, c, least) for c in range(len(labels))]
        real = [value for value in each if not np.isnan(value)]
        if not real:
            raise BadData("dev: wanted at least one box, got none")
        scores[key] = float(np.mean(real))
    return scores


@dataclass(frozen=True, slots=True)
class Work:
    """What learns, what it is fed, and what it is judged by: batches of pictures of `dev`."""

    learner: keras.Model
    batches: Batches
    judged: Callable[[], Iterable[Floats]]


def _live(config: Detect, lesson: Lesson, network: keras.Model, dev: Sequence[Boxed]) -> Work:
    """Pictures are varied anew each time they are seen."""

    def make(index: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        example = lesson.vary(index, random)
        return networks.normalised(example.image, lesson.wanted), lesson.encoded(example)

    batches = Batches(len(lesson.pictures), config.schedule.batch, config.seed, make)
    return Work(
        network,
        batches,
        lambda: (networks.normalised(np.stack(i), lesson.wanted) for i in lesson.seen(dev)),
    )


def _kept(config: Detect, lesson: Lesson, network: keras.Model, dev: Sequence[Boxed]) -> Work:
    """What the frozen layers say of some views of each picture is kept; the rest learns from it."""
    before, learner = networks.split(network, config.frozen)
    count = len(lesson.pictures)

    @cache  # when the first one is asked for: never, if the training is over
    def views() -> tuple[NDArray[np.float16], list[Floats]]:
        said, targets = [], []
        steps = [*product(range(config.views), range(0, count, CHUNK))]
        for view, start in counted(steps, "frozen layers"):
            chunk = [
                lesson.vary(index, np.random.default_rng([config.seed, view, index]))
                for index in range(start, min(start + CHUNK, count))
            ]
            values = networks.run(before, [one.image for one in chunk], lesson.wanted)
            # Half as much memory; the frozen layers' numbers are at most 6, after their ReLU.
            said.append(values.astype(np.float16))
            targets += [lesson.encoded(one) for one in chunk]
        return np.concatenate(said), targets

    @cache
    def judged() -> list[Floats]:
        return [networks.run(before, images, lesson.wanted) for images in lesson.seen(dev)]

    def make(index: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        values, targets = views()
        chosen = int(random.integers(config.views)) * count + index
        return values[chosen].astype(np.float32), targets[chosen]

    return Work(learner, Batches(count, config.schedule.batch, config.seed, make), judged)
