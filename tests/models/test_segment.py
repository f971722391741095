"""The head of segmenters: the class of each pixel, and how sure the network is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.export.graph import Graph
from models.export.segment import emit_binary, emit_classes
from models.session import open_session
from models.spec import Port

Run = Callable[[np.ndarray], dict[str, np.ndarray]]


def head(folder: Path, channels: int, write: Callable[[Graph, str], None]) -> Run:
    graph = Graph("head")
    write(graph, graph.input(Port("values", "float32", ("B", channels, "H", "W"))))
    path = folder / "head.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    session = open_session(path, device="cpu")
    return lambda values: dict(session.run({"values": values.astype(np.float32)}))


def softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_greatest_class_wins_and_its_probability_is_the_score(
    tmp_path: Path, batch: int
) -> None:
    values = np.random.default_rng(5).normal(0, 3, (batch, 21, 6, 7))
    wanted = softmax(values)
    got = head(tmp_path, 21, emit_classes)(values)
    assert got["classes"].dtype == got["scores"].dtype == np.uint8
    assert (got["classes"] == wanted.argmax(axis=1)).all()
    off = np.abs(got["scores"].astype(int) - np.rint(wanted.max(axis=1) * 255))
    assert off.max() <= 1  # where it lies between two
    assert (off > 0).mean() < 0.01


def test_large_logits_do_not_overflow(tmp_path: Path) -> None:
    run = head(tmp_path, 3, emit_classes)
    got = run(np.array([1e5, -1e5, 9e4]).reshape(1, 3, 1, 1))
    assert (got["classes"].item(), got["scores"].item()) == (0, 255)


def test_of_equal_classes_the_first_wins(tmp_path: Path) -> None:
    got = head(tmp_path, 4, emit_classes)(np.zeros((1, 4, 2, 2)))
    assert got["classes"].max() == 0
    assert (got["scores"] == 64).all()  # a quarter of 255


def test_one_logit_is_a_class_above_the_threshold_and_says_how_sure_either_way(
    tmp_path: Path,
) -> None:
    chance = np.array([0.0001, 0.1, 0.29, 0.31, 0.5, 0.9])
    logits = np.log(chance / (1 - chance)).reshape(1, 1, 2, 3)
    got = head(tmp_path, 1, lambda g, name: emit_binary(g, name, threshold=0.3))(logits)
    assert got["classes"].tolist() == [[[0, 0, 0], [1, 1, 1]]]
    assert got["scores"].tolist() == [[[255, 230, 181], [79, 128, 230]]]
    there = np.where(got["classes"] == 1, got["scores"], 255 - got["scores"]) / 255
    assert np.abs(there.ravel() - chance).max() < 1 / 255
