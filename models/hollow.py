"""A Keras network that has shapes and no numbers: what conversion needs, at no memory."""

from collections.abc import Callable
from typing import TypeVar

import keras

# Keras keeps a list of variables without values, to fill them later; it has no public name.
from keras.src.backend.common import global_state

WAITING = "uninitialized_variables"

Network = TypeVar("Network")  # a keras.Model, or several in one object


def hollow(build: Callable[[], Network]) -> Network:
    """Build a network without giving its variables values.

    The weights of a file are written as ONNX from the file itself (`models.export.keras_graph`), so
    that those of the network would only take room: 0.6 GB for VGG-Face. Such a network cannot be
    run, trained or filled.
    """
    before = list(global_state.get_global_attribute(WAITING) or ())
    try:
        with keras.StatelessScope(initialize_variables=False):
            return build()
    finally:
        # Otherwise the next scope that ends fills them all.
        global_state.set_global_attribute(WAITING, before)
