"""Keeps a training on disk after each epoch, so that a run that was cut short can go on."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from models.errors import BadData

Weights = list[NDArray[np.float32]]
_save: Callable[..., None] = np.savez  # its own type takes an array's name for a flag
STATE, BEST = "state.npz", "best.npz"


@dataclass(slots=True)
class Course:
    """How a training went.

    epochs   that were run, earlier ones of a resumed training among them
    score    the best on `dev`, and after which epoch
    history  of each epoch: the loss, and the score where it was evaluated
    """

    epochs: int = 0
    score: float = float("-inf")
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept besides the network and its optimizer."""

    mean: Weights
    steps: int
    course: Course


class Checkpoint:
    """Two files in a folder: all that is needed to go on, and the weights of the best score.

    folder   is made if need be
    purpose  what the training depends on, as text: a checkpoint of another is an error
    """

    def __init__(self, folder: Path, purpose: str) -> None:
        self._folder = folder
        self._purpose = purpose

    def load(self, network: keras.Model) -> Kept | None:
        """Fill the network and its optimizer. None if there is no checkpoint.

        raises  BadData if it is broken, or of another training
        """
        file = self._folder / STATE
        if not file.exists():
            return None
        arrays = _read(file)
        told = json.loads(bytes(arrays["told"]).decode())
        if told["purpose"] != self._purpose:
            raise BadData(
                f"{file}: wanted a checkpoint of this training, got one with another config: "
                f"{_difference(told['purpose'], self._purpose)}; "
                "remove it, or choose another folder with the key `out`"
            )
        for kind, variables in _parts(network).items():
            for number, variable in enumerate(variables):
                variable.assign(arrays[f"{kind}{number}"])
        mean = [np.asarray(arrays[f"mean{i}"], np.float32) for i in range(told["means"])]
        return Kept(mean, told["steps"], Course(**told["course"]))

    def save(self, network: keras.Model, mean: Weights, steps: int, course: Course) -> None:
        """Write all of it, whole or not at all."""
        told = {
            "purpose": self._purpose,
            "steps": steps,
            "means": len(mean),
            "course": asdict(course),
        }
        arrays = {
            f"{kind}{number}": np.asarray(variable)
            for kind, variables in _parts(network).items()
            for number, variable in enumerate(variables)
        }
        arrays |= {f"mean{number}": value for number, value in enumerate(mean)}
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
        self._write(STATE, arrays)

    def save_best(self, network: keras.Model) -> None:
        """Keep the weights that the network has now."""
        self._write(BEST, {f"weight{i}": np.asarray(v) for i, v in enumerate(network.variables)})

    def load_best(self, network: keras.Model) -> None:
        """Give the network the weights of the best score, if there was any."""
        file = self._folder / BEST
        if file.exists():
            arrays = _read(file)
            for number, variable in enumerate(network.variables):
                variable.assign(arrays[f"weight{number}"])

    def _write(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{name}.{os.getpid()}.part"
        try:
            with part.open("wb") as file:
                _save(file, **arrays)
            part.replace(self._folder / name)
        finally:
            part.unlink(missing_ok=True)


def _parts(network: keras.Model) -> dict[str, list[keras.Variable]]:
    return {"weight": network.variables, "optimizer": network.optimizer.variables}


def _read(file: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise BadData(
            f"{file}: wanted a checkpoint, got a broken file ({error}); remove it"
        ) from error


def _difference(old: str, new: str) -> str:
    """The first key that differs, of two JSON texts."""
    before, after = json.loads(old), json.loads(new)
    for key in before | after:
        if before.get(key) != after.get(key):
            return f"{key} was {before.get(key)}, is {after.get(key)}"
    return "nothing that can be named"
