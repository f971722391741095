"""The stages that come with framewire, by name."""

from stages.caption import CaptionStage
from stages.classify import Classify
from stages.detect import Detect
from stages.faces.face3d import Face3d
from stages.faces.mesh import Mesh
from stages.faces.recognise import Recognise
from stages.motion import MotionGate
from stages.privacy import Privacy
from stages.segment import Segment
from stages.stage import Stage
from stages.track import Track
from stages.zones import CountZones

STAGES: dict[str, type[Stage]] = {
    "detect": Detect,
    "classify": Classify,
    "segment": Segment,
    "caption": CaptionStage,
    "recognise": Recognise,
    "mesh": Mesh,
    "face3d": Face3d,
    "track": Track,
    "zones": CountZones,
    "motion": MotionGate,
    "privacy": Privacy,
}
