"""Moves the tensors of a weight file into the variables of a Keras network, and accounts for all.

Every tensor of the file ends as used or as named unused with a reason; every variable is filled
once. Anything else is an error, so that no part of a network is ever left at random.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import BadWeights, OtherLength
from models.readers.weights import WeightFile

Array = NDArray[np.generic]
Floats = NDArray[np.float32]
Change = Callable[[Array], Array]

SHOWN = 5  # names in an error; the rest is counted


def as_it_is(array: Array) -> Array:
    """The change of a tensor that already lies as Keras has it."""
    return array


def transposed(*axes: int) -> Change:
    """The change that reorders axes, such as (2, 3, 1, 0) for PyTorch's OIHW.

    An array of another number of axes is left as it is: its shape then is not the wanted one, which
    is named where it is read.
    """
    return lambda array: array.transpose(axes) if array.ndim == len(axes) else array


@dataclass(frozen=True, slots=True)
class _Move:
    tensor: str
    change: Change


class Filled(Mapping[str, Floats]):
    """The values of a network's variables by their paths, each read when it is asked for.

    used    tensors of the file, in the order in which they were moved
    unused  tensors that the network has no place for: the reason by name
    """

    def __init__(
        self,
        source: WeightFile,
        shapes: Mapping[str, tuple[int, ...]],
        moves: Mapping[str, _Move],
        unused: Mapping[str, str],
    ) -> None:
        self.used = tuple(move.tensor for move in moves.values())
        self.unused = unused
        self._source = source
        self._shapes = shapes
        self._moves = moves

    def __getitem__(self, path: str) -> Floats:
        move, wanted = self._moves[path], self._shapes[path]
        stored = self._source[move.tensor].read()
        try:
            array = move.change(stored)
        except (ValueError, IndexError) as error:  # numpy's, for another number of axes
            raise BadWeights(
                f"{self._source.file}: tensor {move.tensor}: wanted {wanted} for {path}, "
                f"got {stored.shape}"
            ) from error
        # `array` may look at it, but what is a copy need not be here twice.
        del stored
        if array.shape != wanted:
            message = (
                f"{self._source.file}: tensor {move.tensor}: wanted {wanted} for {path}, "
                f"got {self._source[move.tensor].shape}, which gives {array.shape}"
            )
            pairs = zip(wanted, array.shape, strict=False)
            odd = [(want, got) for want, got in pairs if want != got]
            if len(odd) == 1 and len(wanted) == array.ndim:
                raise OtherLength(message, *odd[0])
            raise BadWeights(message)
        if not np.isfinite(array).all():
            raise BadWeights(
                f"{self._source.file}: tensor {move.tensor}: wanted finite numbers, got nan or inf"
            )
        return np.asarray(array, np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._moves)

    def __len__(self) -> int:
        return len(self._moves)

    def assign(self, network: keras.Model) -> None:
        """Put the values into the network's own variables, for training and for parity."""
        for variable in network.variables:
            if variable.path in self._moves:
                variable.assign(self[variable.path])


class Transfer:
    """The moves from one file into one network, collected and then checked."""

    def __init__(self, source: WeightFile, network: keras.Model) -> None:
        self.source = source
        self._shapes = {path: tuple(v.shape) for path, v in variables(network).items()}
        self._moves: dict[str, _Move] = {}
        self._unused: dict[str, str] = {}

    def move(self, tensor: str, path: str, change: Change = as_it_is) -> None:
        """The tensor of that name fills the variable of that path, such as "conv1/kernel".

        raises  BadWeights if the file lacks the tensor, or it or the variable is taken already
        """
        if tensor not in self.source:
            raise BadWeights(
                f"{self.source.file}: wanted a tensor {tensor} for {path}, got none of that name"
            )
        if path not in self._shapes:
            raise KeyError(f"the network has no variable {path}")
        if path in self._moves:
            raise BadWeights(
                f"{self.source.file}: {path}: wanted one tensor for it, "
                f"got {self._moves[path].tensor} and {tensor}"
            )
        self._moves[path] = _Move(tensor, change)

    def pass_over(self, tensor: str, why: str) -> None:
        """The network has no place for this tensor, and that is known."""
        self._unused[tensor] = why

    def finish(self) -> Filled:
        """Check that nothing is missing and nothing is left over.

        raises  BadWeights naming the tensors or variables
        """
        used = {move.tensor for move in self._moves.values()}
        left = [name for name in self.source if name not in used and name not in self._unused]
        if left:
            raise BadWeights(
                f"{self.source.file}: wanted every tensor to have a place in the network, "
                f"got without: {_listed([f'{n} {self.source[n].shape}' for n in left])}"
            )
        empty = [path for path in self._shapes if path not in self._moves]
        if empty:
            raise BadWeights(
                f"{self.source.file}: wanted a tensor for every variable, "
                f"got none for {_listed([f'{p} {self._shapes[p]}' for p in empty])}"
            )
        return Filled(self.source, self._shapes, self._moves, self._unused)


def variables(network: keras.Model) -> dict[str, keras.Variable]:
    """The variables that hold what was learnt, by path: no counters, no state of random numbers."""
    return {
        variable.path: variable
        for variable in network.variables
        if not variable.path.endswith(("seed_generator_state", "/count", "/total"))
    }


def values(network: keras.Model) -> dict[str, Floats]:
    """The values that a network's variables have now, by path; arrays share its memory."""
    return {path: np.asarray(variable, np.float32) for path, variable in variables(network).items()}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
