"""Trains a segmenter: a U-Net on a MobileNet or on VGG16."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from models.session import open_session
from models.spec import Input, ModelSpec
from models.training import export, networks
from models.training.augment import IGNORED, draw, see, see_mask, whole
from models.training.batches import Batches
from models.training.config import Segment
from models.training.evaluate import MaskScore
from models.training.examples import Masked, Pixels
from models.training.fit import fit
from models.training.masks import read_masks, read_pair
from models.training.outcome import Outcome
from models.training.setting import Setting
from models.training.unet import unet

CHUNK = 4  # pictures that are looked at together, when they are not learnt from

Floats = NDArray[np.float32]


def train(config: Segment, setting: Setting) -> Outcome:
    """Read, train, write, score. Raises BadData and BadWeights."""
    pictures, dev = read_masks(config.train), read_masks(config.dev)
    wanted = networks.input_of(config.network, config.input)
    size = (wanted.height, wanted.width)
    network = _network(config, wanted)
    if config.frozen:
        networks.freeze(network, config.frozen)

    def make(index: int, random: np.random.Generator) -> tuple[Floats, Pixels]:
        picture, classes = read_pair(pictures[index], config.levels)
        view = draw(random, whole(classes.shape, wanted), config.augment)
        image = networks.normalised(see(picture, view, size), wanted)
        return image, see_mask(classes, view, size)

    def score() -> float:
        judge = MaskScore(len(config.labels))
        for images, masks in _seen(config, wanted, dev):
            said = network(networks.normalised(images, wanted), training=False)
            judge.add(np.asarray(said).argmax(axis=-1).astype(np.uint8), masks)
        iou = judge.scores(config.labels)["iou"]
        assert isinstance(iou, float)
        return iou

    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=IGNORED)
    batches = Batches(len(pictures), config.schedule.batch, config.seed, make)
    course = fit(network, loss, batches, score, config.schedule, setting.checkpoint, setting.events)
    spec = ModelSpec(
        *(config.name, "own", "segment", wanted, config.labels),
        *(config.licence, config.source, None),
    )
    file = export.write(
        network, spec, export.masks(size), config.out, mirror=False, halves=config.halves
    )
    session = open_session(file, device="cpu")
    session.check_against(spec)
    judge = MaskScore(len(config.labels))
    for images, masks in _seen(config, wanted, dev):
        ordered = images[..., ::-1] if wanted.order == "bgr" else images
        judge.add(np.asarray(session.run({"image": ordered})["classes"], np.uint8), masks)
    counts = {"train": len(pictures), "dev": len(dev)}
    return Outcome(file, judge.scores(config.labels), course, counts, {"labels": config.labels})


def _network(config: Segment, wanted: Input) -> keras.Model:
    if config.network != "mobilenet":
        return unet(config.network, wanted, len(config.labels), config.weights)
    body = networks.backbone("mobilenet", wanted, config.alpha, config.weights)
    return networks.segmenter(body, len(config.labels))


def _seen(
    config: Segment, wanted: Input, pairs: Sequence[Masked]
) -> Iterator[tuple[Pixels, Pixels]]:
    """Pictures as a whole, (B, H, W, 3) uint8, and their masks, (B, H, W) uint8."""
    size = (wanted.height, wanted.width)
    for start in range(0, len(pairs), CHUNK):
        images, masks = [], []
        for pair in pairs[start : start + CHUNK]:
            picture, classes = read_pair(pair, config.levels)
            view = whole(classes.shape, wanted)
            images.append(see(picture, view, size))
            masks.append(see_mask(classes, view, size))
        yield np.stack(images), np.stack(masks)
