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
from models.results import (
    Caption,
    Detections,
    FaceMesh,
    Labels,
    Mesh3d,
    Motion,
    Region,
    Result,
    Segmentation,
    Veil,
    Zones,
)
from models.spec import Input, ModelSpec, PackageFile
from models.zoo import ZOO

__all__ = [
    "ZOO",
    "BadModel",
    "BadShape",
    "BadWeights",
    "Caption",
    "Detections",
    "FaceMesh",
    "Input",
    "Labels",
    "Mesh3d",
    "MissingModel",
    "ModelError",
    "ModelSpec",
    "Motion",
    "NoDevice",
    "PackageFile",
    "Region",
    "Result",
    "Segmentation",
    "UnknownModel",
    "Veil",
    "Zones",
]
