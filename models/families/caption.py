"""The captioner's words: what comes next, after a picture and the words so far.

The shape of Keras's own first example of the kind (github.com/fchollet/keras/issues/2295), which
many have trained. A picture is 4,096 numbers of VGG16 (`caption_encoder.py`); words go through an
embedding and an LSTM; what is made of both goes through a second LSTM, whose last state says the
next word. There is no step form: the sentence is padded to one length, and the padding is read too.
Two forms are known, and the file tells which:

    ahead    the picture is one step before the words, and the second LSTM runs both ways:
             ImageCaption by qhduan
    beside   the picture stands beside each word, and the second LSTM runs forwards:
             anuragmishracse/caption_generator; with both ways, several of its followers

Gates are those of Keras 1 and 2 (variant "hard_sigmoid"), or sigmoids ("sigmoid"), which is the
default since Keras 2.3; the file does not say.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import keras
from keras import layers

from models.captioning import read_vocabulary
from models.errors import BadWeights
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.export.keras_text import Beside, steep_hard_sigmoid
from models.families.keras1 import modern
from models.hollow import hollow
from models.readers import h5
from models.readers.weights import WeightFile
from models.spec import CONTRACTS, ModelSpec, Port
from models.transfer import Filled, Transfer

FEATURES = 4096  # numbers of a picture
LSTM = ("kernel", "recurrent_kernel", "bias")
DENSE = ("kernel", "bias")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a network's layers, found in its file.

    words        in the vocabulary
    embedding    numbers of a word
    text, joint  units of the first LSTM, and of the second, one way
    picture, sentence  numbers that the picture, and each word, are brought to
    """

    words: int
    embedding: int
    text: int
    joint: int
    picture: int
    sentence: int
    form: Literal["ahead", "beside"]
    both_ways: bool


# train.py of ImageCaption, and caption_generator.py; the first has as many words as its captions.
AHEAD = Sizes(9000, 256, 256, 256, 256, 256, "ahead", both_ways=True)
BESIDE = Sizes(8256, 256, 256, 1000, 128, 128, "beside", both_ways=False)


def build(spec: ModelSpec) -> keras.Model:
    """The network of ImageCaption's sizes; see `network`."""
    return network(AHEAD, spec)


def network(sizes: Sizes, spec: ModelSpec) -> keras.Model:
    """From features (B, 4096) float32 and words (B, T) int64 to (B, words) float32."""
    # Keras takes a function too, whatever its types say.
    gate: Any = steep_hard_sigmoid if spec.variant == "hard_sigmoid" else "sigmoid"
    features = keras.Input((FEATURES,), name="features")
    words = keras.Input((None,), dtype="int64", name="words")
    picture = layers.Dense(sizes.picture, activation="relu", name="picture")(features)
    text = layers.Embedding(sizes.words, sizes.embedding, name="embedding")(words)
    text = layers.LSTM(sizes.text, recurrent_activation=gate, return_sequences=True, name="text")(
        text
    )
    text = layers.Dense(sizes.sentence, name="sentence")(text)
    if sizes.form == "ahead":
        picture = layers.RepeatVector(1, name="once")(picture)
        joined = layers.Concatenate(axis=1, name="ahead")([picture, text])
    else:
        joined = Beside(name="beside")(picture, text)
    joint = layers.LSTM(sizes.joint, recurrent_activation=gate, name="joint")
    if sizes.both_ways:
        joint = layers.Bidirectional(joint, name="joint")
    made = layers.Dense(sizes.words, activation="softmax", name="next")(joint(joined))
    return keras.Model([features, words], made, name="caption")


def convert(spec: ModelSpec, files: Sequence[Path]) -> Graph:
    """See `models.export.convert.Family`; a Keras file, and if given a vocabulary.

    The vocabulary is kept in the file's metadata under its name, for `models.captioning`.
    raises  BadWeights also if the vocabulary has not as many words as the network
    """
    source = modern(h5.read(files[0]))
    roles = find_roles(source)
    built = hollow(lambda: network(roles.sizes, spec))
    graph = Graph(spec.name)
    if len(files) > 1:
        vocabulary = read_vocabulary(files[1])
        if (count := len(vocabulary.words)) != roles.sizes.words:
            raise BadWeights(
                f"{files[1]}: words: wanted {roles.sizes.words}, as {source.file} has, got {count}"
            )
        graph.tell("vocabulary", vocabulary.to_json())
    contract = CONTRACTS["caption"]
    feeds = [graph.input(port) for port in contract.inputs]
    (made,) = emit(graph, built, transfer(source, roles, built), feeds)
    (port,) = contract.outputs
    graph.output(Port(port.name, port.dtype, ("B", roles.sizes.words)), made)
    return graph


@dataclass(frozen=True, slots=True)
class Roles:
    """Which tensor of the file fills which variable, by the variable's path, and the sizes."""

    sizes: Sizes
    tensors: dict[str, str]


def find_roles(source: WeightFile) -> Roles:
    """Tell the layers of a file by the number, the order and the shapes of their tensors.

    Their names are numbers that Keras gave ("dense_3"), which depend on what else was built.
    raises  BadWeights if it is no captioner's
    """
    found: dict[str, list[list[str]]] = {"embedding": [], "dense": [], "lstm": [], "both": []}
    kinds = {1: "embedding", 2: "dense", 3: "lstm", 6: "both"}
    for layer, own in _layers(source).items():
        if len(own) not in kinds:
            _fail(source, f"layer {layer}", "1, 2, 3 or 6 tensors", str(len(own)))
        found[kinds[len(own)]].append(own)
    counts = {kind: len(every) for kind, every in found.items()}
    both_ways = counts["both"] == 1
    if counts != {"embedding": 1, "dense": 3, "lstm": 2 - both_ways, "both": int(both_ways)}:
        _fail(
            source,
            "layers",
            "one embedding, three dense and two LSTMs, the second of which may run both ways",
            ", ".join(f"{count} {kind}" for kind, count in counts.items()),
        )
    *others, following = found["dense"]
    pictures = [own for own in others if source[own[0]].shape[:1] == (FEATURES,)]
    if len(pictures) != 1:
        _fail(source, "dense layers", f"one of {FEATURES} numbers", str(len(pictures)))
    (sentence,) = (own for own in others if own is not pictures[0])
    joint = found["both"][0] if both_ways else found["lstm"][1]
    ways = ("forward_joint", "backward_joint") if both_ways else ("",)
    tensors = {"embedding/embeddings": found["embedding"][0][0]}
    for layer, names, held in (
        ("picture", DENSE, pictures[0]),
        ("sentence", DENSE, sentence),
        ("next", DENSE, following),
        ("text/lstm_cell", LSTM, found["lstm"][0]),
    ):
        tensors |= {f"{layer}/{name}": tensor for name, tensor in zip(names, held, strict=True)}
    for index, way in enumerate(ways):
        path = "/".join(filter(None, ("joint", way, "lstm_cell")))
        own = joint[3 * index : 3 * index + 3]
        tensors |= {f"{path}/{name}": tensor for name, tensor in zip(LSTM, own, strict=True)}
    return Roles(_sizes(source, tensors, both_ways=both_ways), tensors)


def transfer(source: WeightFile, roles: Roles, built: keras.Model) -> Filled:
    """The tensors in their places; all lie as Keras 3 has them."""
    moves = Transfer(source, built)
    for path, tensor in roles.tensors.items():
        moves.move(tensor, path)
    return moves.finish()


def _sizes(source: WeightFile, tensors: dict[str, str], *, both_ways: bool) -> Sizes:
    def shape(path: str) -> tuple[int, int]:
        got = source[tensors[path]].shape
        if len(got) != 2:
            _fail(source, f"tensor {tensors[path]}", "two axes", str(got))
        return got[0], got[1]

    way = "joint/forward_joint" if both_ways else "joint"
    words, embedding = shape("embedding/embeddings")
    picture, sentence = shape("picture/kernel")[1], shape("sentence/kernel")[1]
    into, gates = shape(f"{way}/lstm_cell/kernel")
    for cell in ("text/lstm_cell/kernel", f"{way}/lstm_cell/kernel"):
        if shape(cell)[1] % 4:
            _fail(source, f"tensor {tensors[cell]}", "four gates in a row", str(shape(cell)))
    if into not in {sentence, picture + sentence} or (into == sentence and picture != sentence):
        wanted = f"{picture + sentence} rows, or both {picture} and {sentence}"
        _fail(source, f"tensor {tensors[f'{way}/lstm_cell/kernel']}", wanted, str(into))
    return Sizes(
        words=words,
        embedding=embedding,
        text=shape("text/lstm_cell/kernel")[1] // 4,
        joint=gates // 4,
        picture=picture,
        sentence=sentence,
        form="ahead" if into == sentence else "beside",
        both_ways=both_ways,
    )


def _layers(source: WeightFile) -> dict[str, list[str]]:
    """The tensors of each layer, kernel before bias, in the file's order of layers."""
    found: dict[str, list[str]] = defaultdict(list)
    for tensor in source:
        found[tensor.partition("/")[0]].append(tensor)
    return found


def _fail(source: WeightFile, where: str, wanted: str, got: str) -> NoReturn:
    raise BadWeights(f"{source.file}: {where}: wanted {wanted}, got {got}")
