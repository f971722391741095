"""What a model says about one picture: arrays side by side, shapes checked when they are made.

Coordinates are in [0, 1] of the source picture, x to the right and y down, so that a result fits
the picture at any size. A result is made once and never changed: its arrays are read-only.
"""

from models.results.caption import Caption
from models.results.detections import Detections
from models.results.face_mesh import FaceMesh
from models.results.labels import Labels
from models.results.mesh3d import Mesh3d
from models.results.motion import Motion
from models.results.result import Result, Wire, check
from models.results.segmentation import Region, Segmentation
from models.results.veil import Veil
from models.results.zones import Zones

__all__ = [
    "Caption",
    "Detections",
    "FaceMesh",
    "Labels",
    "Mesh3d",
    "Motion",
    "Region",
    "Result",
    "Segmentation",
    "Veil",
    "Wire",
    "Zones",
    "check",
]
