"""What readers of weight files give: tensors by name, each read when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file.

    shape, dtype  as the file says, before anything is allocated
    read          brings the array into memory; raises BadWeights if the file does not hold it
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]


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
