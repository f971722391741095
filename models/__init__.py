"""What the networks are: results, specs, importers of original weights, ONNX, the runtime."""

from models.errors import (
    BadModel,
    BadShape,
    BadWeights,
    MissingModel,
    ModelError,
    NoDevice,
    UnknownModel,
)
from models.results import Detections, Labels, Result

__all__ = [
    "BadModel",
    "BadShape",
    "BadWeights",
    "Detections",
    "Labels",
    "MissingModel",
    "ModelError",
    "NoDevice",
    "Result",
    "UnknownModel",
]
