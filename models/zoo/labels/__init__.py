"""Names of classes, one a line; README.md says where they come from."""

from pathlib import Path


def read(name: str) -> tuple[str, ...]:
    """The names in a file of this folder."""
    return tuple((Path(__file__).parent / f"{name}.txt").read_text("utf-8").splitlines())


IMAGENET = read("imagenet")
STANFORD_CARS = read("stanford_cars")
