"""The loss of YOLOv2 wants what its decoding means."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.export.yolo import BOX, Head
from models.training.yolo_boxes import decode, find
from models.training.yolo_loss import YoloLoss, encode, find_anchors

HEAD = Head(4, 5, ((0.6, 0.8), (1.5, 1.2), (3.0, 3.5)), classes=3)


def spoken(target: np.ndarray, head: Head) -> np.ndarray:
    """What a network would have to say to mean a target exactly, (rows, columns, channels)."""
    raw = np.zeros((*target.shape[:3], head.numbers), np.float32)
    place = target[..., :2].clip(1e-6, 1 - 1e-6)
    raw[..., :2] = np.log(place / (1 - place))
    raw[..., 2:4] = target[..., 2:4]
    raw[..., 4] = np.where(target[..., 4] > 0, 12, -12)
    if head.class_logits:
        raw[..., BOX:] = 20 * (target[..., 5:6] == np.arange(head.classes))
    return raw.reshape(head.rows, head.columns, head.channels)


places = st.tuples(
    st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(0.05, 0.9), st.floats(0.05, 0.9)
)


@given(places, st.integers(0, 2))
def test_decoding_gives_back_what_was_encoded(
    place: tuple[float, float, float, float], number: int
) -> None:
    x, y, width, height = place
    box = np.array([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]], np.float32)
    found = find(spoken(encode(box, np.array([number]), HEAD), HEAD), HEAD)
    assert found.boxes[0] == pytest.approx(box[0], abs=1e-4)
    assert found.classes[0] == number
    assert found.scores[0] > 0.99
    assert (found.scores[1:] < 0.01).all()


def test_a_box_at_the_very_edge_has_a_cell() -> None:
    target = encode(np.array([[1, 1, 1, 1]], np.float32) - [[0.1, 0.1, 0, 0]], np.array([0]), HEAD)
    assert target[3, 4, :, 4].sum() == 1
    point = np.array([[0.999, 0.999, 1.0, 1.0]], np.float32)
    assert encode(point, np.array([0]), HEAD)[3, 4, :, 4].sum() == 1


def test_the_loss_is_least_where_the_network_is_right() -> None:
    boxes = np.array([[0.1, 0.2, 0.4, 0.9], [0.5, 0.1, 0.9, 0.4]], np.float32)
    target = encode(boxes, np.array([0, 2]), HEAD)
    right = spoken(target, HEAD)
    loss = YoloLoss(HEAD)
    least = float(loss(target[np.newaxis], right[np.newaxis]))
    for index in np.ndindex(*right.shape[:2]):
        worse = right.copy()
        worse[index] += 3
        assert float(loss(target[np.newaxis], worse[np.newaxis])) > least


def test_a_good_box_of_another_prior_is_not_told_to_be_nothing() -> None:
    """A copy of the box costs another prior nothing while it overlaps by more than 0.6."""
    box = np.array([[0.42, 0.3, 0.78, 0.7]], np.float32)
    target = encode(box, np.array([0]), HEAD)
    raw = spoken(target, HEAD).reshape(4, 5, 3, HEAD.numbers)
    copy = raw.copy()
    row, column, prior = np.argwhere(target[..., 4] > 0)[0]
    other = (prior + 1) % 3
    copy[row, column, other] = raw[row, column, prior]
    copy[row, column, other, 2:4] += np.log(
        np.array(HEAD.anchors[prior]) / np.array(HEAD.anchors[other])
    )
    shape = (1, 4, 5, HEAD.channels)
    loss = YoloLoss(HEAD)
    plain = float(loss(target[np.newaxis], raw.reshape(shape)))
    assert float(loss(target[np.newaxis], copy.reshape(shape))) == pytest.approx(plain, abs=1e-3)
    copy[row, column, other, 0] += 9
    copy[row, column, other, 2:4] -= 1  # now it overlaps by less
    assert float(loss(target[np.newaxis], copy.reshape(shape))) > plain + 5


def test_the_loss_falls_and_the_box_is_found() -> None:
    """The numbers of the last layer themselves are learnt: no network in between."""
    keras.utils.set_random_seed(0)
    head = Head(3, 3, ((1.0, 1.0), (2.0, 2.0)), classes=1, class_logits=False)
    box = np.array([[0.2, 0.3, 0.7, 0.8]], np.float32)
    target = encode(box, np.array([0]), head)[np.newaxis]
    image = keras.Input((1,))
    shape = (head.rows, head.columns, head.channels)
    dense = keras.layers.Dense(int(np.prod(shape)))(image)
    network = keras.Model(image, keras.layers.Reshape(shape)(dense))
    network.compile(keras.optimizers.Adam(0.1), YoloLoss(head))
    ones = np.ones((1, 1), np.float32)
    history = network.fit(
        np.repeat(ones, 8, 0), np.repeat(target, 8, 0), batch_size=1, epochs=12, verbose=0
    )
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    found = find(np.asarray(network(ones))[0], head)
    assert found.boxes[0] == pytest.approx(box[0], abs=0.02)
    assert found.scores[0] > 0.5


def test_every_cell_and_prior_has_a_place_in_the_decoding() -> None:
    boxes, scores = decode(np.zeros((4, 5, HEAD.channels), np.float32), HEAD)
    assert boxes.shape == (60, 4)
    assert scores == pytest.approx(np.full((60, 3), 0.5 / 3))
    middles = (boxes[:3, :2] + boxes[:3, 2:]) / 2
    assert middles == pytest.approx(np.tile([0.1, 0.125], (3, 1)))


def test_anchors_are_the_sizes_that_are_there() -> None:
    random = np.random.default_rng(0)
    true = np.array([[1, 1], [2, 6], [7, 5]], np.float32)
    sizes = np.concatenate([one * random.uniform(0.9, 1.1, (30, 2)) for one in true])
    found = find_anchors(sizes.astype(np.float32), 3, seed=0)
    assert np.array(found) == pytest.approx(true, rel=0.06)
    assert find_anchors(sizes.astype(np.float32), 3, seed=0) == found
