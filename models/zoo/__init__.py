"""The models that framewire knows by name."""

from difflib import get_close_matches

from models.errors import UnknownModel
from models.spec import ModelSpec
from models.zoo import (
    caption,
    deeplab,
    faceapi,
    maskrcnn,
    mediapipe,
    mobilenet,
    ternaus,
    trained,
    vgg16,
    vggface,
    vrn,
    yolov2,
)

FILES = (
    caption,
    deeplab,
    faceapi,
    maskrcnn,
    mediapipe,
    mobilenet,
    ternaus,
    trained,
    vgg16,
    vggface,
    vrn,
    yolov2,
)
"""One file a family or an origin, each with its `MODELS`."""

ZOO: dict[str, ModelSpec] = {model.name: model for file in FILES for model in file.MODELS}


def spec(name: str) -> ModelSpec:
    """The model of that name.

    raises  UnknownModel, with the names that look like it
    """
    try:
        return ZOO[name]
    except KeyError:
        near = get_close_matches(name, ZOO) or sorted(ZOO)
        raise UnknownModel(
            f"model: wanted one of the zoo's, got {name!r}; did you mean {', '.join(near)}?"
        ) from None
