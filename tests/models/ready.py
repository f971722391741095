"""Models with their real weights, imported into a cache; a test skips where the weights are not."""

from pathlib import Path

from models import zoo
from models.store import import_model
from tests.models.data import shared

ROOT = Path(__file__).parents[2]


def ready_recogniser(home: Path) -> None:
    """face-recognition-128."""
    manifest = shared("weights_faceapi/face_recognition_model-weights_manifest.json")
    import_model(zoo.spec("face-recognition-128"), [manifest], folder=home)


def ready_tomato_head(home: Path) -> None:
    """tomato-head: VGG16's convolutions, and the head that ships."""
    convolutions = shared("weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz")
    head = ROOT / "models" / "trained" / "tomato.head.npz"
    import_model(zoo.spec("tomato-head"), [convolutions, head], folder=home)


def ready_tinier_yolo(home: Path) -> None:
    """tinier-yolo-voc."""
    weights = shared("weights_tinier_yolo_voc/tinier_yolo_voc.npz")
    import_model(zoo.spec("tinier-yolo-voc"), [weights], folder=home)


def ready_coral(name: str, home: Path) -> None:
    """A MobileNet or a DeepLab of Coral's, such as mobilenet-0.5-160."""
    spec = zoo.spec(name)
    file = shared(f"weights_coral_tflite/{spec.published.rpartition('/')[2]}")
    import_model(spec, [file], folder=home)
