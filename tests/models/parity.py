"""What all tests of families do: convert a file, open it, compare."""

from pathlib import Path

import numpy as np

from models.export.convert import family
from models.session import Session, open_session
from models.spec import ModelSpec

TOLERANCE = 1e-4  # the largest difference, relative to the largest number


def difference(got: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference, relative to the largest number that is wanted."""
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def export(spec: ModelSpec, file: Path, folder: Path) -> Session:
    """Convert a file by its family, check the contract, and open it on the CPU."""
    path = folder / f"{spec.name}.onnx"
    with path.open("wb") as target:
        family(spec.family).convert(spec, [file]).write(target, {})
    session = open_session(path, device="cpu")
    session.check_against(spec)
    return session
