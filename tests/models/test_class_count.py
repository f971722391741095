"""Labels of another number than the classes of a weight file are told as labels, not as shapes."""

from dataclasses import replace
from pathlib import Path

import pytest

from models import ZOO, BadModel, BadWeights, ModelSpec
from models.class_count import held_instead
from models.export.convert import convert, family
from models.hollow import hollow
from tests.models import keras2_file
from tests.models.seeded import draw

FEW = ("a", "b", "c")
SPECS = {
    "mobilenet-0.25-224": 32,
    "vgg16-imagenet": 32,
    "vggface": 32,
    "deeplab-mobilenetv2-voc": 32,
}


def small(name: str, labels: tuple[str, ...], side: int) -> ModelSpec:
    spec = ZOO[name]
    return replace(
        spec, labels=labels, origin=None, input=replace(spec.input, width=side, height=side)
    )


def written(spec: ModelSpec, folder: Path) -> Path:
    """A Keras 2 file of the spec's network."""
    network = hollow(lambda: family(spec.family).build(spec))
    tensors = [(w.path, draw(w.path, tuple(w.shape), 1)) for w in network.weights]
    return keras2_file.write(folder / "theirs.h5", keras2_file.by_layer(tensors))


@pytest.mark.parametrize("name", SPECS)
def test_labels_of_another_number_are_told_as_such(name: str, tmp_path: Path) -> None:
    file = written(small(name, FEW, SPECS[name]), tmp_path)
    with pytest.raises(BadModel, match=r"theirs\.h5: labels: wanted 3 \(outputs of .*, got 4"):
        convert(small(name, (*FEW, "d"), SPECS[name]), [file])


@pytest.mark.parametrize(
    ("name", "labels", "wanted", "got", "held"),
    [
        ("yolov2-voc", 19, 120, 125, 20),
        ("yolov2-voc", 19, 120, 124, None),  # no number of classes has as many
        ("yolov2-voc", 19, 1024, 512, None),  # another layer
        ("maskrcnn-coco", 3, 4, 81, 80),
        ("maskrcnn-coco", 3, 16, 324, 80),
        ("cars-vgg16", 19, 19, 20, 20),
        ("ternaus-unet11-parts", 4, 4, 1, 2),  # a binary network has one output
        ("ternaus-unet11-binary", 2, 1, 4, 4),
        ("ternaus-unet11-binary", 3, 3, 1, 2),
        ("ternaus-unet11-binary", 2, 1, 2, None),  # two outputs are nobody's
        ("ternaus-unet11-parts", 4, 64, 32, None),  # another layer
        ("vgg16-imagenet", 4, 4, 1, None),
    ],
)
def test_a_length_is_a_number_of_classes_or_none(
    name: str, labels: int, wanted: int, got: int, held: int | None
) -> None:
    spec = replace(ZOO[name], labels=tuple(map(str, range(labels))))
    assert held_instead(spec, wanted, got) == held


def test_another_network_is_still_told_by_its_tensor(tmp_path: Path) -> None:
    file = written(small("mobilenet-0.25-224", FEW, 32), tmp_path)
    with pytest.raises(BadWeights, match=r"tensor conv1.*: wanted \(.*16"):
        convert(small("mobilenet-0.5-224", FEW, 32), [file])
