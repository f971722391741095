"""What Keras is fed: examples in an order, and as they are varied, that only the seed decides."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Make = Callable[[int, np.random.Generator], tuple[Array, Array]]
"""From the number of an example and a source of chance to what goes in and what should come out."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of examples; each epoch has an order of its own, and all of them once.

    epoch  which one comes next; a training that is resumed sets it, and goes on as if it had not
           been interrupted
    """

    def __init__(self, count: int, batch: int, seed: int, make: Make) -> None:
        super().__init__()
        self.epoch = 0
        self._count = count
        self._batch = min(batch, count)
        self._seed = seed
        self._make = make

    def __len__(self) -> int:
        return (self._count - 1) // self._batch + 1

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(self._count)
        chosen = order[index * self._batch : (index + 1) * self._batch]
        made = [self._make(int(i), self._chance(int(i))) for i in chosen]
        return np.stack([x for x, _ in made]), np.stack([y for _, y in made])

    def on_epoch_end(self) -> None:
        """Keras calls it after the last batch of an epoch."""
        self.epoch += 1

    def _chance(self, index: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, self.epoch, index])
