"""A training goes on where it was cut short, stops when nothing gets better, and keeps the best."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.errors import BadData
from models.training.batches import Batches
from models.training.checkpoint import Checkpoint, Course
from models.training.config import Schedule
from models.training.events import Events
from models.training.fit import fit

PURPOSE = json.dumps({"seed": 0})
TRUE = np.array([1.0, -2.0, 3.0])


def make(index: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A line to be learnt, with noise that only seed, epoch and index decide."""
    x = random.normal(size=3)
    return x.astype(np.float32), np.array([x @ TRUE + index / 100], np.float32)


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.1), keras.layers.Dense(1)])


def train(folder: Path, schedule: Schedule, scores: list[float] | None = None) -> tuple:
    """The weights at the end, and how it went. Without `scores` the error is the score."""
    learner = network()

    def score() -> float:
        if scores is not None:
            return scores.pop(0)
        return -float(np.abs(learner.get_weights()[0][:, 0] - TRUE).max())

    batches = Batches(16, 4, 0, make)
    loss = keras.losses.MeanSquaredError()
    course = fit(learner, loss, batches, score, schedule, Checkpoint(folder, PURPOSE))
    return learner.get_weights(), course


def test_a_line_is_learnt(tmp_path: Path) -> None:
    weights, course = train(tmp_path, Schedule(epochs=12, rate=0.3, decay=0))
    assert weights[0][:, 0] == pytest.approx(TRUE, abs=0.5)
    assert course.epochs == 12
    assert course.score == pytest.approx(max(row["score"] for row in course.history))


def test_a_run_that_was_cut_short_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    schedule = Schedule(epochs=4, rate=0.05)
    whole, course = train(tmp_path / "whole", schedule)

    class CutShort(Exception):
        pass

    learner = network()
    seen = []

    def score() -> float:
        if len(seen) == 2:
            raise CutShort
        seen.append(-float(np.abs(learner.get_weights()[0][:, 0] - TRUE).max()))
        return seen[-1]

    checkpoint = Checkpoint(tmp_path / "cut", PURPOSE)
    with pytest.raises(CutShort):
        fit(
            learner,
            keras.losses.MeanSquaredError(),
            Batches(16, 4, 0, make),
            score,
            schedule,
            checkpoint,
        )
    resumed, again = train(tmp_path / "cut", schedule)
    assert again == course
    for one, other in zip(whole, resumed, strict=True):
        assert np.array_equal(one, other)


def test_a_finished_training_is_not_run_again(tmp_path: Path) -> None:
    schedule = Schedule(epochs=2)
    first, course = train(tmp_path, schedule)
    again, same = train(tmp_path, schedule, scores=[])
    assert same == course
    assert np.array_equal(first[0], again[0])


def test_it_stops_when_the_score_does_not_rise_and_keeps_the_best(tmp_path: Path) -> None:
    schedule = Schedule(epochs=9, patience=2, average=0)
    best = train(tmp_path / "short", Schedule(epochs=9, patience=1, average=0), [3, 2])[0]
    weights, course = train(tmp_path / "long", schedule, [3, 1, 2])
    assert (course.epochs, course.best_epoch, course.score) == (3, 1, 3)
    assert np.array_equal(best[0], weights[0])


def test_it_stops_when_the_score_is_enough(tmp_path: Path) -> None:
    course = train(tmp_path, Schedule(epochs=9, enough=2), [1, 2])[1]
    assert (course.epochs, course.best_epoch) == (2, 2)
    assert train(tmp_path, Schedule(epochs=9, enough=2), [])[1] == course


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    learner = network()
    learner.compile(keras.optimizers.AdamW(), "mse")
    Checkpoint(tmp_path, json.dumps({"seed": 1})).save(learner, [], 0, Course())
    with pytest.raises(BadData, match=r"wanted a checkpoint of this training, .*seed was 1, is 0"):
        train(tmp_path, Schedule(epochs=1))


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(BadData, match=r"state\.npz: wanted a checkpoint, got a broken file"):
        train(tmp_path, Schedule(epochs=1))


def test_every_example_is_seen_once_an_epoch_in_another_order() -> None:
    batches = Batches(10, 4, 0, lambda index, _: (np.array(index), np.array(0)))
    epochs = []
    for _ in range(2):
        epochs.append(np.concatenate([batches[i][0] for i in range(len(batches))]).tolist())
        batches.on_epoch_end()
    assert sorted(epochs[0]) == sorted(epochs[1]) == [*range(10)]
    assert epochs[0] != epochs[1]


def test_the_log_is_tensorboards(tmp_path: Path) -> None:
    events = Events(tmp_path / "log")
    events.write(1, {"loss": 0.5})
    events.write(2, {"loss": 0.25, "score": 0.75})
    events.close()
    (file,) = (tmp_path / "log").iterdir()
    read = [
        tf.compat.v1.Event.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(file))
    ]
    assert read[0].file_version == "brain.Event:2"
    seen = [(e.step, value.tag, value.simple_value) for e in read for value in e.summary.value]
    assert seen == [(1, "loss", 0.5), (2, "loss", 0.25), (2, "score", 0.75)]
