"""Trains a linear classifier on the features of a frozen network.

The features of each picture and of some varied views of it are computed once, and kept in the
folder of the training: they take nearly all of its time.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from models.families import head as head_file
from models.families.head import Head
from models.session import open_session
from models.spec import Input, ModelSpec
from models.training import export, networks
from models.training.augment import View, draw, mirrored, see, whole
from models.training.batches import Batches
from models.training.classes import read_classes
from models.training.config import Classify
from models.training.evaluate import score_classes
from models.training.examples import Classified, read_picture
from models.training.fit import fit
from models.training.outcome import Outcome
from models.training.progress import counted
from models.training.setting import Setting

Floats = NDArray[np.float32]


def train(config: Classify, setting: Setting) -> Outcome:
    """Read, train, write, score. Raises BadData and BadWeights."""
    labels, pictures = read_classes(config.train)
    dev = read_classes(config.dev, labels)[1]
    wanted = networks.input_of(config.network, config.input)
    body = networks.backbone(config.network, wanted, config.alpha, config.weights)
    trunk = networks.features(body, config.layers)
    views = _Views(config, wanted, trunk)
    seen, judged = views.of(pictures, "train", config.views), views.of(dev, "dev", 0)
    # One scale for all: a channel that hardly ever speaks is not to be made as loud as the others.
    mean, spread = seen.mean(axis=(0, 1)), float(seen.std()) + 1e-6
    wanted_labels = np.array([one.label for one in dev])

    def make(index: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        view = seen[int(random.integers(len(seen))), index]
        return (view - mean) / spread, np.array(pictures[index].label)

    def score() -> float:
        # The mean of what is said about the views of a picture, as the ONNX file has it.
        each = [np.asarray(head((view - mean) / spread, training=False)) for view in judged]
        said = np.mean(each, axis=0)
        f1 = score_classes(said, wanted_labels, labels)["f1"]
        # Of two weights that are right as often, the surer one is better; it breaks ties only.
        sure = float(np.log(said[np.arange(len(said)), wanted_labels] + 1e-9).mean())
        assert isinstance(f1, float)
        return f1 + 1e-3 * max(-1.0, sure)

    head = keras.Sequential(
        [
            layers.Input((seen.shape[-1],)),
            layers.Dense(
                len(labels),
                activation="softmax",
                kernel_initializer="zeros",
                kernel_regularizer=keras.regularizers.L2(config.schedule.decay),
                name="predictions",
            ),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy()
    batches = Batches(len(pictures), config.schedule.batch, config.seed, make)
    # Here the decay is a part of the loss, so that what is learnt does not depend on the rate.
    schedule = config.schedule.model_copy(update={"decay": 0.0})
    course = fit(head, loss, batches, score, schedule, setting.checkpoint, setting.events)
    kernel, bias = head.get_weights()
    kernel, bias = folded(kernel, bias, mean, spread)
    network = networks.classifier(trunk, kernel, bias)
    spec = ModelSpec(
        *(config.name, "own", "classify", wanted, labels, config.licence, config.source, None)
    )
    file = export.write(
        network,
        spec,
        export.classes(labels),
        config.out,
        mirror=config.mirror,
        halves=config.halves,
    )
    head_file.write(file.with_suffix(".head.npz"), Head(kernel, bias, config.layers, config.mirror))
    return Outcome(
        file,
        score_classes(run(file, spec, dev), wanted_labels, labels),
        course,
        {"train": len(pictures), "dev": len(dev)},
        {"labels": labels, "layers": config.layers},
    )


def folded(kernel: Floats, bias: Floats, mean: Floats, spread: float) -> tuple[Floats, Floats]:
    """A layer that reads x, from one that reads (x - mean) / spread."""
    scaled = kernel / spread
    return scaled.astype(np.float32), (bias - mean @ scaled).astype(np.float32)


def run(file: Path, spec: ModelSpec, examples: Sequence[Classified]) -> Floats:
    """(N, C): what the ONNX file says about pictures as a whole."""
    session = open_session(file, device="cpu")
    session.check_against(spec)
    size = (spec.input.height, spec.input.width)
    rows = []
    for example in examples:
        image = read_picture(example.file)
        image = see(image, whole(image.shape[:2], spec.input), size, spec.input.pad)
        ordered = image[..., ::-1] if spec.input.order == "bgr" else image
        rows.append(session.run({"image": ordered[np.newaxis]})["probabilities"][0])
    return np.asarray(rows, np.float32)


class _Views:
    """Features of views of pictures, computed once and kept on disk."""

    def __init__(self, config: Classify, wanted: Input, trunk: keras.Model) -> None:
        self._config = config
        self._wanted = wanted
        self._trunk = trunk

    def of(self, examples: Sequence[Classified], name: str, varied: int) -> Floats:
        """(views, N, F) float32: the picture as a whole, its mirror image if the model looks at it,
        then so many varied views.
        """
        file = self._config.out / f"features-{name}-{self._key(examples, varied)}.npy"
        if file.exists():
            return np.asarray(np.load(file), np.float32)
        rows = []
        for index, example in enumerate(counted(examples, f"features of {name}")):
            image = read_picture(example.file)
            about = whole(image.shape[:2], self._wanted)
            size = (self._wanted.height, self._wanted.width)
            seen = [see(image, view, size) for view in self._drawn(about, index, varied)]
            rows.append(networks.run(self._trunk, seen, self._wanted))
        made = np.asarray(rows, np.float32).transpose(1, 0, 2)
        self._config.out.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, made)
        part.replace(file)
        return made

    def _drawn(self, about: View, index: int, varied: int) -> list[View]:
        random = np.random.default_rng([self._config.seed, index])
        drawn = [draw(random, about, self._config.augment) for _ in range(varied)]
        return [about, *([mirrored(about)] if self._config.mirror else []), *drawn]

    def _key(self, examples: Sequence[Classified], varied: int) -> str:
        """What the features depend on, as 12 hex digits."""
        config = self._config
        told = (config.network, config.alpha, config.layers, config.mirror, varied, config.seed)
        weights = config.weights and (config.weights.name, config.weights.stat().st_size)
        files = [str(one.file) for one in examples]
        text = f"{told} {weights} {config.augment} {self._wanted} {files}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]
