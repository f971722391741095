"""Trains a captioner's words on the features of a frozen VGG16.

The originals read VGG16's second hidden layer, 4,096 numbers. Where only its convolutions are to be
had, the eye here gives as many: the means of 512 channels over eight regions of the last pool, two
rows of four that overlap. So an encoder is written too, and goes with these words only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from models.captioning import END, START, UNKNOWN, Vocabulary, caption, words_after
from models.export.classes import emit_embedding
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families.caption import FEATURES, Sizes, network
from models.session import open_session
from models.sidecar import write_sidecar
from models.spec import CONTRACTS, Input, ModelSpec, Port
from models.training import export, networks
from models.training.augment import see, whole
from models.training.batches import Batches
from models.training.bleu import bleu
from models.training.classify import folded
from models.training.config import Caption, Picture
from models.training.examples import read_picture
from models.training.fit import fit
from models.training.outcome import Outcome
from models.training.progress import counted
from models.training.sentences import Told, read_sentences, vocabulary_of
from models.training.setting import Setting
from models.transfer import values

SIDE = 224  # pixels: VGG16's own input, of which the last pool makes 7 x 7
REGION, STRIDES = (4, 4), (3, 1)  # of 7 x 7 cells: 2 x 4 regions
BEAMS = 3  # with which it is judged

Floats = NDArray[np.float32]
Pair = tuple[int, tuple[int, ...], int]
"""The number of a picture, the words so far, the next word."""


def train(config: Caption, setting: Setting) -> Outcome:
    """Read, train, write, score. Raises BadData and BadWeights."""
    pictures, dev = read_sentences(config.train), read_sentences(config.dev)
    words = vocabulary_of(pictures, config.least, config.length)
    wanted = networks.input_of("vgg16", Picture(width=SIDE, height=SIDE, fit="stretch"))
    body = networks.backbone("vgg16", wanted, 1.0, config.weights)
    eye = _eye(body)
    seen, judged = _features(eye, pictures, wanted, "train"), _features(eye, dev, wanted, "dev")
    sizes = Sizes(len(words.words), config.units, config.units, 2 * config.units, config.units,
                  config.units, "beside", both_ways=False)  # fmt: skip
    spec = ModelSpec(
        *(config.name, "own", "caption", wanted, (), config.licence, config.source, None),
        variant="sigmoid",
    )
    said = network(sizes, spec)
    # The last pool's numbers are large: with them as they are, an LSTM would hear nothing else.
    mean, spread = seen.mean(axis=0), float(seen.std()) + 1e-6
    learner = _learner(said, words.length, config.dropout)
    pairs, asked = _pairs(pictures, words), _pairs(dev, words)

    def make(index: int, _random: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        picture, so_far, following = pairs[index]
        return _packed((seen[picture] - mean) / spread, so_far, words), np.array(following)

    dev_rows = np.stack(
        [_packed((judged[picture] - mean) / spread, far, words) for picture, far, _ in asked]
    )
    dev_next = np.array([following for _, _, following in asked])

    def score() -> float:
        """The mean logarithm of the probability of the word that follows."""
        likely = np.asarray(learner(dev_rows, training=False))
        return float(np.log(likely[np.arange(len(dev_next)), dev_next] + 1e-9).mean())

    loss = keras.losses.SparseCategoricalCrossentropy()
    batches = Batches(len(pairs), config.schedule.batch, config.seed, make)
    course = fit(learner, loss, batches, score, config.schedule, setting.checkpoint, setting.events)
    kernel, bias = said.get_layer("picture").get_weights()
    said.get_layer("picture").set_weights(folded(kernel, bias, mean, spread))
    encoder = _write_encoder(config, eye, wanted)
    file = _write_words(config, said, words, spec)
    session = open_session(file, device="cpu")
    session.check_against(spec)

    def sentence(features: Floats) -> tuple[str, ...]:
        return caption(words_after(session, features), words, beams=BEAMS).words

    sentences = [sentence(row) for row in judged]
    return Outcome(
        file,
        {
            "bleu4": bleu(sentences, [one.sentences for one in dev]),
            "bleu4_on_train": bleu([sentence(row) for row in seen],
                                   [one.sentences for one in pictures]),
            "different_sentences": len(set(sentences)),
        },
        course,
        {"train": len(pictures), "dev": len(dev)},
        {
            "encoder": encoder.name,
            "words": len(words.words),
            "sentences": sum(len(one.sentences) for one in pictures),
            "examples": [" ".join(one) for one in sentences[:5]],
        },
    )  # fmt: skip


def _eye(body: keras.Model) -> keras.Model:
    """(B, 224, 224, 3) normalised to (B, 4096)."""
    regions = layers.AveragePooling2D(REGION, strides=STRIDES, name="regions")(body.output)
    return keras.Model(body.input, layers.Flatten(name="features")(regions), name="eye")


def _write_encoder(config: Caption, eye: keras.Model, wanted: Input) -> Path:
    spec = ModelSpec(
        *(f"{config.name}-encoder", "own", "embed", wanted, (), config.licence, config.source, None)
    )
    return export.write(eye, spec, _embedding, config.out, mirror=False, halves=config.halves)


def _write_words(config: Caption, said: keras.Model, words: Vocabulary, spec: ModelSpec) -> Path:
    file = config.out / f"{config.name}.onnx"
    with file.open("wb") as target:
        _words(said, words, spec).write(target, {"name": config.name, "licence": config.licence})
    write_sidecar(file, spec)
    return file


def _embedding(graph: Graph, value: str) -> None:
    emit_embedding(graph, value, FEATURES)


def _features(eye: keras.Model, pictures: Sequence[Told], wanted: Input, name: str) -> Floats:
    rows = []
    for picture in counted(pictures, f"features of {name}"):
        image = read_picture(picture.file)
        image = see(image, whole(image.shape[:2], wanted), (SIDE, SIDE))
        rows.append(networks.run(eye, [image], wanted)[0])
    return np.stack(rows)


def _pairs(pictures: Sequence[Told], words: Vocabulary) -> list[Pair]:
    """Each word of each sentence after those before it; one that is not known is not asked for."""
    numbers = {word: number for number, word in enumerate(words.words)}
    unknown = numbers[UNKNOWN]
    found: list[Pair] = []
    for picture, told in enumerate(pictures):
        for said in told.sentences:
            row = (*(numbers.get(word, unknown) for word in said), numbers[END])
            row = (numbers[START], *row)[: words.length + 1]
            found += [(picture, row[:n], row[n]) for n in range(1, len(row)) if row[n] != unknown]
    return found


def _packed(features: Floats, so_far: tuple[int, ...], words: Vocabulary) -> Floats:
    """Features and words as one row: what `Batches` can stack."""
    return np.concatenate([features, words.padded([so_far])[0]]).astype(np.float32)


def _learner(said: keras.Model, length: int, dropout: float) -> keras.Model:
    """The network as it is trained: on packed rows, a part of the features left out."""
    packed: Any = layers.Input((FEATURES + length,), name="packed")
    features = layers.Dropout(dropout)(packed[:, :FEATURES])
    return keras.Model(packed, said([features, ops.cast(packed[:, FEATURES:], "int64")]))


def _words(said: keras.Model, words: Vocabulary, spec: ModelSpec) -> Graph:
    graph = Graph(spec.name)
    graph.tell("vocabulary", words.to_json())
    contract = CONTRACTS["caption"]
    (made,) = emit(graph, said, values(said), [graph.input(port) for port in contract.inputs])
    (port,) = contract.outputs
    graph.output(Port(port.name, port.dtype, ("B", len(words.words))), made)
    return graph
