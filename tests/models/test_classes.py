"""The outputs of classifiers and embeddings."""

from pathlib import Path

import numpy as np
import pytest

from models import BadModel
from models.export.classes import emit_embedding, emit_probabilities
from models.export.graph import Graph
from models.session import open_session
from models.spec import Port


def run(graph: Graph, folder: Path, value: np.ndarray) -> dict[str, np.ndarray]:
    path = folder / "head.onnx"
    with path.open("wb") as file:
        graph.write(file, {})
    return open_session(path, device="cpu").run({"x": value.astype(np.float32)})


def test_one_unit_becomes_the_probabilities_of_two_classes(tmp_path: Path) -> None:
    graph = Graph("binary")
    emit_probabilities(graph, graph.input(Port("x", "float32", ("B", 1))), units=1, classes=2)
    got = run(graph, tmp_path, np.array([[0.25], [1.0], [0.0]]))
    assert got["probabilities"].tolist() == [[0.75, 0.25], [0.0, 1.0], [1.0, 0.0]]


def test_several_units_are_given_out_as_they_are(tmp_path: Path) -> None:
    graph = Graph("many")
    emit_probabilities(graph, graph.input(Port("x", "float32", ("B", 3))), units=3, classes=3)
    value = np.array([[0.25, 0.25, 0.5]])
    assert run(graph, tmp_path, value)["probabilities"].tolist() == value.tolist()


def test_an_embedding_is_given_out_as_it_is(tmp_path: Path) -> None:
    graph = Graph("embed")
    emit_embedding(graph, graph.input(Port("x", "float32", ("B", 3))), length=3)
    value = np.array([[-1.0, 2.0, 0.5]])
    assert run(graph, tmp_path, value)["embedding"].tolist() == value.tolist()


@pytest.mark.parametrize(("units", "classes"), [(1, 3), (3, 2)])
def test_labels_that_do_not_fit_are_refused(units: int, classes: int) -> None:
    graph = Graph("wrong")
    value = graph.input(Port("x", "float32", ("B", units)))
    with pytest.raises(BadModel, match=rf"wrong: labels: wanted {max(units, 2)} .*, got {classes}"):
        emit_probabilities(graph, value, units, classes)
