"""A small captioner as two ONNX files: an eye that sees how bright a picture is, and words."""

from pathlib import Path

import numpy as np

from models.captioning import Vocabulary
from models.export.classes import emit_embedding
from models.export.graph import Graph
from models.sidecar import write_sidecar
from models.spec import CONTRACTS, Input, ModelSpec, Port, Task

Follows = dict[str, dict[str, float]]

WORDS = ("<start>", "<end>", "<pad>", "<unk>", "a", "bright", "dark", "picture", "night")
LENGTH, FEATURES = 6, 4096
EYE = Input(16, 16, fit="stretch")
# What may follow a word, in a bright picture and in a dark one.
BRIGHT: Follows = {
    "<start>": {"a": 0.9, "bright": 0.1},
    "a": {"bright": 0.8, "picture": 0.2},
    "bright": {"picture": 0.7, "night": 0.3},
    "picture": {"<end>": 1},
    "night": {"<end>": 1},
}
# The likeliest first word leads to less likely sentences than the other.
DARK: Follows = {
    "<start>": {"a": 0.6, "dark": 0.4},
    "a": {"dark": 0.34, "night": 0.33, "picture": 0.33},
    "dark": {"night": 1},
    "picture": {"<end>": 1},
    "night": {"<end>": 1},
}


def eye(folder: Path, length: int = FEATURES) -> Path:
    """(B, 16, 16, 3) to (B, 4096): the mean of red, green and blue, in [0, 1], everywhere."""
    graph = Graph("eye")
    mean = graph.add("ReduceMean", [graph.image(EYE), graph.integers(1, 2, 3)], {"keepdims": 0})
    column = graph.add("Reshape", [mean, graph.integers(-1, 1)])
    made = graph.add("MatMul", [column, graph.constant(np.ones((1, length), np.float32))])
    emit_embedding(graph, made, length)
    return _write(graph, folder / "eye.onnx", "embed")


def words(folder: Path, *, told: bool = True) -> Path:
    """A table of what follows the last word: one for bright pictures, one for dark ones."""
    graph = Graph("words")
    features, sentence = (graph.input(port) for port in CONTRACTS["caption"].inputs)
    pad = graph.constant(np.int64(WORDS.index("<pad>")))
    said = graph.add("Cast", [graph.add("Not", [graph.add("Equal", [sentence, pad])])], {"to": 7})
    count = graph.add("ReduceSum", [said, graph.integers(1)], {"keepdims": 1})
    at = graph.add("Sub", [count, graph.integers(1)])
    last = graph.add("Squeeze", [graph.add("GatherElements", [sentence, at], {"axis": 1}),
                                 graph.integers(1)])  # fmt: skip
    tables = [graph.constant(_table(follows)) for follows in (BRIGHT, DARK)]
    bright, dark = (graph.add("Gather", [table, last], {"axis": 0}) for table in tables)
    level = graph.add("Gather", [features, graph.integers(0)], {"axis": 1})
    lit = graph.add("Greater", [level, graph.scalar(0.5)])
    value = graph.add("Where", [lit, bright, dark])
    (port,) = CONTRACTS["caption"].outputs
    graph.output(Port(port.name, port.dtype, ("B", len(WORDS))), value)
    if told:
        graph.tell("vocabulary", Vocabulary(WORDS, LENGTH).to_json())
    return _write(graph, folder / "words.onnx", "caption")


def _table(follows: Follows) -> np.ndarray:
    rows = np.full((len(WORDS), len(WORDS)), 1e-6, np.float32)
    for word, after in follows.items():
        for following, likely in after.items():
            rows[WORDS.index(word), WORDS.index(following)] = likely
    return rows


def _write(graph: Graph, path: Path, task: Task) -> Path:
    spec = ModelSpec(path.stem, "own", task, EYE, (), "none", "none", None)
    path.write_bytes(graph.model({"name": path.stem}).SerializeToString())
    write_sidecar(path, spec)
    return path
