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
from models.results import Detections, Labels, Result, Segmentation, Zones
from models.spec import Input, ModelSpec, PackageFile
from models.zoo import ZOO

__all__ = [
    "ZOO",
    "BadModel",
    "BadShape",
    "BadWeights",
    "Detections",
    "Input",
    "Labels",
    "MissingModel",
    "ModelError",
    "ModelSpec",
    "NoDevice",
    "PackageFile",
    "Result",
    "Segmentation",
    "UnknownModel",
    "Zones",
]
