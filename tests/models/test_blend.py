"""Weighted suppression, against the same written by hand."""

from pathlib import Path

import numpy as np
import pytest

from models.export.blend import blend
from models.export.detections import suppress
from models.export.graph import Graph
from models.session import Session, open_session
from models.spec import Port
from tests.models.test_detections import overlap

BOXES, NUMBERS = 80, 3
SCORE, IOU = 0.3, 0.3


@pytest.fixture
def blender(tmp_path: Path) -> Session:
    """Suppression and blending alone: what is blended comes in as it is."""
    graph = Graph("blend")
    boxes = graph.input(Port("boxes", "float32", ("B", BOXES, 4)))
    scores = graph.input(Port("scores", "float32", ("B", 1, BOXES)))
    values = graph.input(Port("values", "float32", ("B", BOXES, NUMBERS)))
    chosen = suppress(graph, boxes, scores, SCORE, IOU)
    thresholds = ("score_threshold", "iou_threshold")
    mean = blend(graph, chosen, boxes, scores, values, thresholds)
    graph.output(Port("mean", "float32", ("N", NUMBERS)), mean)
    graph.output(Port("chosen", "int64", ("N", 3)), chosen)
    path = tmp_path / "blend.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    return open_session(path, device="cpu")


def feeds(seed: int, batch: int) -> dict[str, np.ndarray]:
    """Boxes so dense that many overlap more than one of those that stay."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 0.6, (batch, BOXES, 2))
    size = random.uniform(0.2, 0.4, (batch, BOXES, 2))
    return {
        "boxes": np.concatenate([corner, corner + size], axis=2).astype(np.float32),
        "scores": random.random((batch, 1, BOXES)).astype(np.float32),
        "values": random.standard_normal((batch, BOXES, NUMBERS)).astype(np.float32),
    }


def by_hand(boxes: np.ndarray, scores: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """MediaPipe's loop: the best that is left takes all that it overlaps, and they are gone."""
    left = [int(i) for i in np.argsort(-scores) if scores[i] > SCORE]
    means = []
    while left:
        near = [i for i in left if overlap(boxes[left[0]], boxes[i]) > IOU]
        means.append(np.average(values[near], axis=0, weights=scores[near]))
        left = [i for i in left if i not in near]
    return means


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("batch", [1, 3])
def test_the_mean_is_the_one_by_hand(blender: Session, seed: int, batch: int) -> None:
    given = feeds(seed, batch)
    got = blender.run(given)
    wanted = [
        mean
        for boxes, scores, values in zip(*given.values(), strict=True)
        for mean in by_hand(boxes, scores[0], values)
    ]
    assert len(got["mean"]) == len(wanted) > batch
    assert np.allclose(got["mean"], wanted, atol=1e-5)


def test_where_nothing_is_near_enough_a_box_stays_as_it_is(blender: Session) -> None:
    given = feeds(5, batch=2)
    got = blender.run({**given, "iou_threshold": np.array(1.0, np.float32)})
    picture, _, box = got["chosen"].T
    assert len(box) == np.count_nonzero(given["scores"] > SCORE)
    assert np.array_equal(got["mean"], given["values"][picture, box])


def test_nothing_chosen_is_nothing_blended(blender: Session) -> None:
    given = feeds(6, batch=2)
    got = blender.run({**given, "score_threshold": np.array(1.0, np.float32)})
    assert got["mean"].shape == (0, NUMBERS)
