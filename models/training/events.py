"""Writes a log for TensorBoard: one event file, one number a tag and epoch.

The format is a TFRecord of `Event` messages (tensorflow/core/util/event.proto), which TensorFlow
writes by itself; the package `tensorboard` is only needed to look at it.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FIRST = "brain.Event:2"  # what TensorBoard wants to read first


class Events:
    """An open log. `close` it when the training is over."""

    def __init__(self, folder: Path) -> None:
        """Open a file of its own in `folder`, which is made if need be."""
        import tensorflow as tf  # noqa: PLC0415 - takes seconds, and most trainings have no log

        folder.mkdir(parents=True, exist_ok=True)
        self._kinds: Any = tf.compat.v1
        name = folder / f"events.out.tfevents.{time.time_ns()}.framewire"
        self._file = tf.io.TFRecordWriter(str(name))
        self._put(self._kinds.Event(wall_time=time.time(), file_version=FIRST))

    def write(self, epoch: int, values: Mapping[str, float]) -> None:
        """One number for each tag."""
        summary = self._kinds.Summary(
            value=[
                self._kinds.Summary.Value(tag=tag, simple_value=value)
                for tag, value in values.items()
            ]
        )
        self._put(self._kinds.Event(wall_time=time.time(), step=epoch, summary=summary))

    def close(self) -> None:
        """Nothing can be written after this."""
        self._file.close()

    def _put(self, event: Any) -> None:
        self._file.write(event.SerializeToString())
        self._file.flush()
