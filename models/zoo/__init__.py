"""The models that framewire knows by name."""

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import cast

from models.errors import UnknownModel
from models.spec import ModelSpec

FILES = (
    "caption",
    "deeplab",
    "faceapi",
    "maskrcnn",
    "mediapipe",
    "mobilenet",
    "ternaus",
    "trained",
    "vgg16",
    "vggface",
    "vrn",
    "yolov2",
)
"""One file a family or an origin, each with its `MODELS`."""


def _models() -> Iterator[ModelSpec]:
    for file in FILES:
        yield from cast("tuple[ModelSpec, ...]", import_module(f"models.zoo.{file}").MODELS)


ZOO: dict[str, ModelSpec] = {model.name: model for model in _models()}


def spec(name: str) -> ModelSpec:
    """The model of that name.

    raises  UnknownModel, with the names that look like it
    """
    try:
        return ZOO[name]
    except KeyError:
        near = get_close_matches(name, ZOO)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UnknownModel(
            f"model: wanted one of the zoo's, got {name!r}; {hint}all {len(ZOO)} of them: "
            "framewire models list"
        ) from None
