"""Scores, against numbers that were worked out by hand."""

import numpy as np
import pytest

from models.agreement import overlaps
from models.training.augment import IGNORED
from models.training.evaluate import (
    Found,
    MaskScore,
    There,
    average_precision,
    score_classes,
)


def test_precision_recall_and_f1_of_two_classes() -> None:
    """Three of four "b" are found, and one "a" is taken for one."""
    said = np.array([0, 0, 1, 1, 1, 1, 0], np.float32)
    scores = score_classes(
        np.stack([1 - said, said], axis=1), np.array([0, 0, 0, 1, 1, 1, 1]), ("a", "b")
    )
    assert scores["classes"]["b"] == {"precision": 0.75, "recall": 0.75, "f1": 0.75}
    assert scores["classes"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )
    assert scores["accuracy"] == pytest.approx(5 / 7)
    assert scores["f1"] == pytest.approx((0.75 + 2 / 3) / 2)


def test_overlap_of_boxes() -> None:
    one = np.array([[0, 0, 2, 2]], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 0, 0]], np.float32)
    assert overlaps(one, others)[0] == pytest.approx([1, 1 / 7, 0, 0])


def box(x: float) -> list[float]:
    return [x, 0, x + 0.1, 0.1]


def test_average_precision_of_a_curve() -> None:
    """Two things. Right at 0.9, wrong at 0.8, the first one again at 0.7 (wrong), right at 0.6.

    Precision 1 up to a recall of 1/2, then 2/4.
    """
    found = Found(
        np.array([box(0.0), box(0.5), box(0.01), box(0.2)], np.float32),
        np.array([0.9, 0.8, 0.7, 0.6], np.float32),
        np.zeros(4, np.int64),
    )
    there = There(np.array([box(0.0), box(0.2)], np.float32), np.zeros(2, np.int64))
    assert average_precision([found], [there], 0) == pytest.approx(0.5 + 0.25)
    assert average_precision([found], [there], 0, least=0.99) == pytest.approx(0.75)


def test_average_precision_of_what_is_not_there() -> None:
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    there = There(np.array([box(0)], np.float32), np.array([1]))
    assert average_precision([nothing], [there], 1) == 0
    assert np.isnan(average_precision([nothing], [there], 0))


def test_overlap_of_masks_leaves_ignored_pixels_out() -> None:
    judge = MaskScore(2)
    judge.add(np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, IGNORED]], np.uint8))
    scores = judge.scores(("ground", "tool"))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["classes"] == pytest.approx({"ground": 0.5, "tool": 0.5})
    assert scores["iou"] == pytest.approx(0.5)
