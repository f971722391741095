"""Runs Keras: the rate's rise and fall, the mean of weights, checkpoints, early stopping."""

import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.training.batches import Batches
from models.training.checkpoint import Checkpoint, Course, Weights
from models.training.config import Schedule
from models.training.events import Events

Score = Callable[[], float]
CLIP = 10.0  # length of a gradient, of each variable


def fit(
    network: keras.Model,
    loss: keras.losses.Loss,
    batches: Batches,
    score: Score,
    schedule: Schedule,
    checkpoint: Checkpoint,
    events: Events | None = None,
) -> Course:
    """Train until the last epoch, or until the score on `dev` has not risen for a while.

    Goes on from the checkpoint, if there is one. At the end the network has the weights of the best
    score: the running mean of those that were learnt, if the schedule has one.
    score   how good the network is now; higher is better
    raises  BadData if the checkpoint is of another training
    """
    steps = len(batches) * schedule.epochs
    rising = max(1, round(steps * schedule.warmup))
    rate: Any = keras.optimizers.schedules.CosineDecay(
        schedule.rate / 20, max(1, steps - rising), warmup_target=schedule.rate, warmup_steps=rising
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=schedule.decay, clipnorm=CLIP)
    # Small vectors (biases, batch norms) are not pulled to zero.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(optimizer, loss)
    optimizer.build(network.trainable_variables)
    keeper = _Keeper(network, score, schedule, checkpoint, batches, events)
    keeper.resume()
    if keeper.course.epochs < schedule.epochs and not keeper.done():
        verbose: Any = 1 if sys.stderr.isatty() else 2  # Keras says text, and means a number
        network.fit(
            batches,
            initial_epoch=keeper.course.epochs,
            epochs=schedule.epochs,
            shuffle=False,  # the batches have their own order
            verbose=verbose,
            callbacks=[keeper],
        )
    checkpoint.load_best(network)
    return keeper.course


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages weights after each step; scores, keeps and stops after each epoch."""

    def __init__(
        self,
        network: keras.Model,
        score: Score,
        schedule: Schedule,
        checkpoint: Checkpoint,
        batches: Batches,
        events: Events | None,
    ) -> None:
        super().__init__()
        self.course = Course()
        self._network = network
        self._score = score
        self._schedule = schedule
        self._checkpoint = checkpoint
        self._batches = batches
        self._events = events
        self._mean: Weights = []
        self._steps = 0

    def resume(self) -> None:
        """Take up what the checkpoint holds."""
        told = self._checkpoint.load(self._network)
        if told is not None:
            self._mean, self._steps = told.mean, told.steps
            self.course = told.course
            self._batches.epoch = self.course.epochs

    def done(self) -> bool:
        """Whether the score is high enough, or so old that going on makes no sense."""
        course, schedule = self.course, self._schedule
        if schedule.enough is not None and course.score >= schedule.enough:
            return True
        waited = (course.epochs - course.best_epoch) // schedule.every
        return bool(schedule.patience) and waited >= schedule.patience

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        """The mean is of few weights at first: the first ones are random and soon forgotten."""
        if not self._schedule.average:
            return
        keep = min(self._schedule.average, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        now = values(self._network)
        self._mean = [
            np.asarray(keep * mean + (1 - keep) * value, np.float32)
            for mean, value in zip(self._mean or now, now, strict=True)
        ]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Score, keep, write, perhaps stop."""
        course, number = self.course, epoch + 1
        course.epochs = number
        seen = {"epoch": float(number), "loss": float((logs or {}).get("loss", np.nan))}
        if number % self._schedule.every == 0 or number == self._schedule.epochs:
            seen["score"] = self._scored()
            if logs is not None:
                logs["score"] = seen["score"]  # on the progress bar
        course.history.append(seen)
        if self._events:
            self._events.write(number, seen)
        self._checkpoint.save(self._network, self._mean, self._steps, course)
        if self.done():
            self._network.stop_training = True

    def _scored(self) -> float:
        learnt = values(self._network)
        if self._mean:
            assign(self._network, self._mean)
        score = self._score()
        if score > self.course.score:
            self.course.score, self.course.best_epoch = score, self.course.epochs
            self._checkpoint.save_best(self._network)
        assign(self._network, learnt)
        return score


def values(network: keras.Model) -> list[NDArray[np.float32]]:
    """Copies of what is learnt."""
    return [np.asarray(variable).copy() for variable in network.trainable_variables]


def assign(network: keras.Model, weights: Weights) -> None:
    """Give them back."""
    for variable, value in zip(network.trainable_variables, weights, strict=True):
        variable.assign(value)
