"""What readers of weight files give: tensors by name, each read when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Part = tuple[tuple[slice, ...], Array]
"""A piece of a tensor, and where it lies in the whole."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file.

    shape, dtype  as the file says, before anything is allocated
    read          brings the array into memory; raises BadWeights if the file does not hold it
    pieces        the same piece by piece, where the file gives it so
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]
    pieces: Callable[[], Iterator[Part]] | None = None

    def parts(self) -> Iterator[Part]:
        """The array in parts: what is large and has to be rearranged need not be there twice."""
        if self.pieces is None:
            yield tuple(slice(0, n) for n in self.shape), self.read()
        else:
            yield from self.pieces()


@dataclass(frozen=True, slots=True)
class WeightFile(Mapping[str, Stored]):
    """The tensors of one file, in the file's order.

    file     its name, for errors
    tensors  by name
    notes    what else the file says that an importer may need, such as the order of its layers
    """

    file: str
    tensors: Mapping[str, Stored]
    notes: Mapping[str, object] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Stored:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def in_memory(array: Array) -> Stored:
    """A tensor that has been read already."""
    return Stored(array.shape, array.dtype.name, lambda: array)
