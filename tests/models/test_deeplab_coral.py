"""Google's quantised DeepLab, brought back to float32, on real pictures."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from models import ZOO, BadWeights
from models.export.convert import convert
from models.families import deeplab_tflite
from models.families.deeplab import build
from models.readers import tflite
from models.readers.network import Operator, Resizing
from models.session import Session, open_session
from tests.models.data import shared

CORAL = "weights_coral_tflite"
FILES = {
    "deeplab-coral-voc": "deeplabv3_mnv2_pascal_quant.tflite",
    "deeplab-coral-half-voc": "deeplabv3_mnv2_dm05_pascal_quant.tflite",
}
SIDE, GREY, IGNORE = 513, 127, 255
# COCO's category ids, and the classes of Pascal VOC that are the same things.
TO_VOC = {
    5: 1, 2: 2, 16: 3, 9: 4, 44: 5, 6: 6, 3: 7, 17: 8, 62: 9, 21: 10, 67: 11, 18: 12, 19: 13,
    4: 14, 1: 15, 64: 16, 20: 17, 63: 18, 7: 19, 72: 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def coral(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    """A converted file, by the name of its spec."""

    def find(name: str) -> Session:
        original = shared(f"{CORAL}/{FILES[name]}")
        path = tmp_path_factory.mktemp("coral") / "deeplab.onnx"
        with path.open("wb") as file:
            convert(ZOO[name], [original]).write(file, {})
        return open_session(path, device="cpu")

    return find


def cornered(picture: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture of 513 x 513 with this one in its upper left corner, and its height and width."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (round(height * scale), round(width * scale))
    made = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    made[: size[0], : size[1]] = cv2.resize(picture, size[::-1])
    return made, size


def overlaps(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class that is there, (true, said) pixels given."""
    both = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return (both / np.maximum(either, 1))[confusion.sum(axis=1) > 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "accuracy", "overlap"),
    [("deeplab-coral-voc", 0.891, 0.474), ("deeplab-coral-half-voc", 0.866, 0.395)],
)
def test_on_pictures_of_coco_it_is_as_good_as_the_quantised_one(
    coral: Callable[[str], Session], name: str, accuracy: float, overlap: float
) -> None:
    """Both numbers are those of TensorFlow Lite with the file itself, by the same protocol."""
    masks = sorted(shared("coco_val128/semantic_masks").glob("*.png"))
    session = coral(name)
    classes = np.zeros(256, np.uint8)
    classes[0] = IGNORE  # not labelled; all that Pascal VOC has no class for is background
    for category, known in TO_VOC.items():
        classes[category] = known
    confusion = np.zeros((21, 21))
    for mask in masks:
        true = classes[cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)]
        picture = cv2.imread(str(shared(f"coco_val128/images/{mask.stem}.jpg")))
        image, (height, width) = cornered(np.ascontiguousarray(picture[..., ::-1]))
        said = session.run({"image": image[np.newaxis]})["classes"][0, :height, :width]
        said = cv2.resize(said, true.shape[::-1], interpolation=cv2.INTER_NEAREST)
        counted = true != IGNORE
        pairs = true[counted].astype(int) * 21 + said[counted]
        confusion += np.bincount(pairs, minlength=21 * 21).reshape(21, 21)
    assert len(masks) == 50
    assert np.trace(confusion) / confusion.sum() == pytest.approx(accuracy, abs=0.01)
    assert overlaps(confusion).mean() == pytest.approx(overlap, abs=0.01)


def test_it_finds_the_bird(coral: Callable[[str], Session]) -> None:
    session = coral("deeplab-coral-voc")
    session.check_against(ZOO["deeplab-coral-voc"])
    picture = cv2.imread(str(shared(f"{CORAL}/images/bird_segmentation.png")))
    mask = str(shared(f"{CORAL}/images/bird_segmentation_mask.png"))
    true = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
    got = session.run({"image": np.ascontiguousarray(picture[np.newaxis, ..., ::-1])})
    for known, overlap in ((3, 0.905), (0, 0.978)):
        there, said = true == known, got["classes"][0] == known
        assert (there & said).sum() / (there | said).sum() == pytest.approx(overlap, abs=0.01)
    assert np.median(got["scores"][0][true == 3]) > 250


@pytest.mark.parametrize("name", FILES)
def test_every_number_of_the_file_has_its_place(name: str) -> None:
    spec = ZOO[name]
    network = build(spec)
    file = tflite.read(shared(f"{CORAL}/{FILES[name]}"))
    weights = deeplab_tflite.load(file, network)
    assert spec.parameters is not None
    assert sum(weights[path].size for path in weights) == spec.parameters.numbers
    assert network.count_params() == spec.parameters.numbers


def test_a_file_of_another_network_is_refused() -> None:
    file = tflite.read(shared(f"{CORAL}/{FILES['deeplab-coral-half-voc']}"))
    with pytest.raises(BadWeights, match=r"wanted \(3, 3, 3, 32\) for Conv/kernel"):
        dict(deeplab_tflite.load(file, build(ZOO["deeplab-coral-voc"])))
    network = build(ZOO["deeplab-coral-half-voc"])
    first, *rest = file.operators
    with pytest.raises(BadWeights, match=r"got none of that name"):
        deeplab_tflite.load(replace(file, operators=tuple(rest)), network)
    with pytest.raises(BadWeights, match=r"wanted each layer of the network once"):
        deeplab_tflite.load(replace(file, operators=(first, first, *rest)), network)
    others = [Operator("ADD", (), (), None), *file.operators]
    with pytest.raises(BadWeights, match=r"operators beside convolutions: wanted \('ADD', "):
        deeplab_tflite.load(replace(file, operators=tuple(others)), network)


def test_a_file_that_resizes_otherwise_is_refused() -> None:
    file = tflite.read(shared(f"{CORAL}/{FILES['deeplab-coral-half-voc']}"))
    half = Resizing(aligned=False, half_pixel=True)
    other = [
        replace(one, options=half) if one.name == "RESIZE_BILINEAR" else one
        for one in file.operators
    ]
    with pytest.raises(BadWeights, match=r"RESIZE_BILINEAR: wanted Resizing\(aligned=True"):
        deeplab_tflite.load(
            replace(file, operators=tuple(other)), build(ZOO["deeplab-coral-half-voc"])
        )
