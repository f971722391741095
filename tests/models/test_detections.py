"""The end of every detector, against suppression written by hand."""

from pathlib import Path

import numpy as np
import pytest

from models.export.detections import emit_detections
from models.export.graph import Graph
from models.session import Session, open_session
from models.spec import Port

BOXES, CLASSES, POINTS = 60, 3, 2
SCORE, IOU = 0.4, 0.5


@pytest.fixture
def detector(tmp_path: Path) -> Session:
    """Only the end of a detector: boxes, scores and points come in as they are."""
    graph = Graph("end")
    emit_detections(
        graph,
        graph.input(Port("in_boxes", "float32", ("B", BOXES, 4))),
        graph.input(Port("in_scores", "float32", ("B", CLASSES, BOXES))),
        classes=CLASSES,
        score_threshold=SCORE,
        iou_threshold=IOU,
        points=graph.input(Port("in_points", "float32", ("B", BOXES, POINTS, 2))),
    )
    path = tmp_path / "end.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    return open_session(path, device="cpu")


def feeds(seed: int, batch: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    corner = random.random((batch, BOXES, 2))
    size = random.uniform(0.1, 0.6, (batch, BOXES, 2))
    return {
        "in_boxes": np.concatenate([corner, corner + size], axis=2).astype(np.float32),
        # Rounded, so that equal scores happen.
        "in_scores": np.round(random.random((batch, CLASSES, BOXES)), 2).astype(np.float32),
        "in_points": random.random((batch, BOXES, POINTS, 2)).astype(np.float32),
    }


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    inner = np.prod(np.clip(sides, 0, None))
    return float(inner / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inner))


def by_hand(
    given: dict[str, np.ndarray], score_threshold: float, iou_threshold: float
) -> set[tuple[int, int, int]]:
    """(picture, class, box) of all that stay."""
    stay = set()
    for picture, (boxes, scores) in enumerate(
        zip(given["in_boxes"], given["in_scores"], strict=True)
    ):
        for kind in range(CLASSES):
            kept: list[int] = []
            for box in np.argsort(-scores[kind], kind="stable"):
                near = (overlap(boxes[box], boxes[k]) > iou_threshold for k in kept)
                if scores[kind, box] > np.float32(score_threshold) and not any(near):
                    kept.append(int(box))
            stay |= {(picture, kind, box) for box in kept}
    return stay


def rows(given: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> list[tuple[int, int, int]]:
    """(picture, class, box) of each row; boxes are told apart by their corners."""
    found = []
    for picture, kind, corners in zip(got["batch"], got["classes"], got["boxes"], strict=True):
        (box,) = np.flatnonzero((given["in_boxes"][picture] == corners).all(axis=1))
        found.append((int(picture), int(kind), int(box)))
    return found


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("batch", [1, 3])
def test_what_stays_is_what_stays_by_hand(detector: Session, seed: int, batch: int) -> None:
    given = feeds(seed, batch)
    got = detector.run(given)
    found = rows(given, got)
    assert len(found) == len(set(found))
    assert set(found) == by_hand(given, SCORE, IOU)
    for row, (picture, kind, box) in enumerate(found):
        assert got["scores"][row] == given["in_scores"][picture, kind, box]
        assert np.array_equal(got["points"][row], given["in_points"][picture, box])


@pytest.mark.parametrize("seed", range(10))
def test_rows_go_by_picture_then_by_falling_score_over_all_classes(
    detector: Session, seed: int
) -> None:
    got = detector.run(feeds(seed, batch=4))
    order = list(zip(got["batch"], -got["scores"], strict=True))
    assert len(set(got["classes"])) == CLASSES
    assert order == sorted(order)


def test_rows_go_the_same_way_in_an_engine_whose_sorting_keeps_no_order(detector: Session) -> None:
    """Such as OpenVINO's, which runs the file for `precision: bf16`."""
    engine = pytest.importorskip("models.openvino", reason="openvino is not installed")
    other = engine.OpenVinoSession(detector.path, 1, "fp32")
    for seed in range(10):
        given = feeds(seed, batch=4)
        got, wanted = other.run(given), detector.run(given)
        order = list(zip(got["batch"], -got["scores"], strict=True))
        assert order == sorted(order)
        assert set(rows(given, got)) == set(rows(given, wanted))


def test_thresholds_can_be_given_with_the_picture(detector: Session) -> None:
    given = feeds(3, batch=2)
    strict = {"score_threshold": np.float32(0.8), "iou_threshold": np.float32(0.1)}
    got = detector.run({**given, **{k: np.array(v) for k, v in strict.items()}})
    assert set(rows(given, got)) == by_hand(given, 0.8, 0.1)


def test_nothing_found_is_empty_arrays_of_the_same_kinds(detector: Session) -> None:
    given = feeds(4, batch=2) | {"score_threshold": np.array(1.0, np.float32)}
    got = detector.run(given)
    shapes = {name: (array.shape, array.dtype.name) for name, array in got.items()}
    assert shapes == {
        "boxes": ((0, 4), "float32"),
        "scores": ((0,), "float32"),
        "classes": ((0,), "int64"),
        "batch": ((0,), "int64"),
        "points": ((0, POINTS, 2), "float32"),
    }
