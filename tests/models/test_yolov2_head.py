"""The head of YOLOv2 in the graph says what a plain numpy reading of the paper says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import ZOO, Input
from models.export.graph import Graph
from models.export.yolo import Head, emit_boxes, emit_head, head_of
from models.session import Session, open_session
from models.spec import Port

ANCHORS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38))
Floats = NDArray[np.float32]


def session(head: Head, folder: Path, *, whole: bool = False) -> Session:
    graph = Graph("head")
    raw = graph.input(Port("raw", "float32", ("B", head.channels, head.rows, head.columns)))
    if whole:
        emit_head(graph, raw, head, score_threshold=0.5, iou_threshold=0.45)
    else:
        boxes, scores = emit_boxes(graph, raw, head)
        places = len(head.anchors) * head.rows * head.columns
        graph.output(Port("boxes", "float32", ("B", places, 4)), boxes)
        graph.output(Port("scores", "float32", ("B", head.classes, places)), scores)
    path = folder / "head.onnx"
    path.write_bytes(graph.model({}).SerializeToString())
    return open_session(path, device="cpu")


def by_hand(raw: Floats, head: Head) -> tuple[Floats, Floats]:
    """Boxes (M, 4) and scores (classes, M) of one picture, by prior, row and column."""
    boxes, scores = [], []
    for prior, (width, height) in enumerate(head.anchors):
        for row in range(head.rows):
            for column in range(head.columns):
                first = prior * head.numbers
                numbers = raw[first : first + head.numbers, row, column].astype(np.float64)
                tx, ty, tw, th, to = numbers[:5]
                x = (column + 1 / (1 + np.exp(-tx))) / head.columns
                y = (row + 1 / (1 + np.exp(-ty))) / head.rows
                w, h = width * np.exp(tw) / head.columns, height * np.exp(th) / head.rows
                boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
                likely = np.exp(numbers[5:]) / np.exp(numbers[5:]).sum()
                scores.append((likely if head.class_logits else 1) / (1 + np.exp(-to)))
    made = np.array(scores).reshape(len(boxes), head.classes).T
    return np.array(boxes, np.float32), made.astype(np.float32)


@pytest.mark.parametrize(
    "head",
    [
        Head(2, 3, ANCHORS, 4),
        Head(3, 2, ANCHORS[:1], 1),
        Head(3, 3, ANCHORS, 1, class_logits=False),
    ],
    ids=["four classes", "one class with a logit", "one class without"],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_boxes_and_scores_are_those_of_the_paper(head: Head, batch: int, tmp_path: Path) -> None:
    shape = (batch, head.channels, head.rows, head.columns)
    raw = np.random.default_rng(1).standard_normal(shape, np.float32) * 2
    got = session(head, tmp_path).run({"raw": raw})
    for index in range(batch):
        boxes, scores = by_hand(raw[index], head)
        assert np.abs(got["boxes"][index] - boxes).max() < 1e-5
        assert np.abs(got["scores"][index] - scores).max() < 1e-6


def test_the_best_boxes_stay(tmp_path: Path) -> None:
    head = Head(2, 2, ANCHORS[:2], 2)
    raw = np.full((2, head.channels, 2, 2), -9, np.float32)
    # Second picture: the same place twice by the second prior, and one elsewhere of another class.
    raw[1, 7:14, 0, 0] = (9, 0, 0, 0, 3, 5, -5)
    raw[1, 7:14, 0, 1] = (-9, 0, 0, 0, 2, 5, -5)
    raw[1, 0:7, 1, 1] = (0, 0, -1, -1, 1, -5, 5)
    got = session(head, tmp_path, whole=True).run({"raw": raw})
    assert got["batch"].tolist() == [1, 1]
    assert got["classes"].tolist() == [0, 1]
    assert got["scores"] == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))], abs=1e-4)
    x1, y1, x2, y2 = got["boxes"][1]
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((0.75, 0.75))
    assert (x2 - x1, y2 - y1) == pytest.approx((1.08 / np.e / 2, 1.19 / np.e / 2))


def test_absurd_numbers_give_no_nan(tmp_path: Path) -> None:
    head = Head(2, 2, ANCHORS, 3)
    for value in (1e30, -1e30):
        raw = np.full((1, head.channels, 2, 2), value, np.float32)
        got = session(head, tmp_path).run({"raw": raw})
        assert np.isfinite(got["boxes"]).all()
        assert np.isfinite(got["scores"]).all()


@pytest.mark.parametrize(
    ("anchors", "classes", "logits", "why"),
    [
        ((), 1, True, "wanted at least one anchor"),
        (ANCHORS, 0, True, "wanted one class, or logits for several, got 0 with logits"),
        (ANCHORS, 2, False, "wanted one class, or logits for several, got 2 without logits"),
    ],
)
def test_a_head_that_cannot_be_is_refused(
    anchors: tuple[tuple[float, float], ...], classes: int, logits: bool, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Head(13, 13, anchors, classes, logits)


def test_a_spec_says_what_its_head_is() -> None:
    spec = replace(
        ZOO["blazeface-short"], input=Input(416, 320), anchors=ANCHORS, labels=("cat", "dog")
    )
    head = head_of(spec)
    assert (head.rows, head.columns, head.channels) == (10, 13, 3 * 7)
