"""Examples are read as their formats say, and what is wrong with them is named."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import BadData
from models.training.classes import read_classes
from models.training.coco import read_coco
from models.training.config import ClassFolders, Coco, Masks, Voc
from models.training.masks import read_masks, read_pair
from models.training.voc import read_voc
from tests.models.training import drawn

FOUR = range(4)


def folders(folder: Path, **keys: object) -> ClassFolders:
    return ClassFolders.model_validate({"images": folder, **keys})


def voc(folder: Path, **keys: object) -> Voc:
    places = {"images": folder / "images", "annotations": folder / "annotations"}
    return Voc.model_validate({"format": "voc", **places, **keys})


def coco(folder: Path, **keys: object) -> Coco:
    places = {"images": folder / "images", "annotations": folder / "boxes.json"}
    return Coco.model_validate({"format": "coco", **places, **keys})


def masks(folder: Path, **keys: object) -> Masks:
    places = {"image": folder / "{name}_image.png", "mask": folder / "{name}_mask.png"}
    return Masks.model_validate({**places, **keys})


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    labels, found = read_classes(folders(drawn.class_folders(tmp_path, FOUR)))
    assert labels == ("disc", "square")
    assert [(one.file.name, one.label) for one in found] == [
        *(("0.png", 0), ("2.png", 0)),
        *(("1.png", 1), ("3.png", 1)),
    ]


def test_a_table_says_which_picture_is_what(tmp_path: Path) -> None:
    drawn.class_folders(tmp_path, FOUR)
    table = tmp_path / "train.csv"
    table.write_text("make,picture\nround,disc/2.png\nangular,square/1.png\n")
    data = folders(tmp_path, table=table, file="picture", label="make")
    labels, found = read_classes(data)
    assert labels == ("angular", "round")
    assert [(one.file.name, one.label) for one in found] == [("2.png", 1), ("1.png", 0)]


def test_voc_gives_boxes_as_shares_of_the_picture(tmp_path: Path) -> None:
    labels, found = read_voc(voc(drawn.voc(tmp_path, FOUR)))
    assert labels == ("disc", "square")
    for seed, one in enumerate(found):
        assert one.boxes * drawn.SIDE == pytest.approx(np.array([drawn.draw(seed).box]))
        assert one.classes.tolist() == [seed % 2]


def test_voc_leaves_out_what_is_marked_difficult(tmp_path: Path) -> None:
    folder = drawn.voc(tmp_path, FOUR)
    file = folder / "annotations" / "0.xml"
    file.write_text(file.read_text().replace("<difficult>0", "<difficult>1"))
    assert len(read_voc(voc(folder))[1][0].boxes) == 0
    assert len(read_voc(voc(folder, difficult=True))[1][0].boxes) == 1


def test_voc_and_coco_agree(tmp_path: Path) -> None:
    labels = ("disc", "square")
    one = read_voc(voc(drawn.voc(tmp_path / "voc", FOUR)), labels)[1]
    other = read_coco(coco(drawn.coco(tmp_path / "coco", FOUR)), labels)[1]
    for a, b in zip(one, other, strict=True):
        assert a.boxes == pytest.approx(b.boxes)
        assert a.classes.tolist() == b.classes.tolist()


def test_a_list_chooses_the_pictures(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("3\n1\n\n")
    names = tmp_path / "dev.txt"
    for one in (
        read_voc(voc(drawn.voc(tmp_path, FOUR), names=names))[1],
        read_coco(coco(drawn.coco(tmp_path, FOUR), names=names))[1],
    ):
        assert [example.file.stem for example in one] == ["3", "1"]


def test_coco_classes_are_those_that_are_wanted(tmp_path: Path) -> None:
    data = coco(drawn.coco(tmp_path, FOUR))
    assert read_coco(data)[0] == ("square", "disc")
    found = read_coco(data, ("disc",))[1]
    assert [len(one.boxes) for one in found] == [1, 0, 1, 0]


def test_grey_levels_of_a_mask_are_classes(tmp_path: Path) -> None:
    pairs = read_masks(masks(drawn.masks(tmp_path, FOUR)))
    assert [pair.mask.name for pair in pairs] == [f"{i}_mask.png" for i in FOUR]
    picture, classes = read_pair(pairs[0], (0, 255))
    assert picture.shape == (64, 64, 3)
    assert np.array_equal(classes, drawn.draw(0).mask // 255)
    assert np.array_equal(picture, drawn.draw(0).image)


Break = Callable[[Path], object]


def rewritten(file: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return change


def gone(file: str) -> Break:
    return lambda folder: (folder / file).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (gone("annotations/0.xml"), r"0\.xml: wanted an XML, got: No such file"),
        (gone("images/0.png"), r"images: wanted a picture 0 \(.*\), got none"),
        (rewritten("annotations/0.xml", "</object>", ""), r"0\.xml: wanted XML, got: mismatched"),
        (
            rewritten("annotations/0.xml", "<annotation>", '<!DOCTYPE a [<!ENTITY b "c">]><a>'),
            r"0\.xml: wanted plain elements, got a declaration",
        ),
        (rewritten("annotations/0.xml", "<xmin>", "<xmin>wide"), r"bndbox/xmin: wanted a number"),
        (
            rewritten("annotations/0.xml", "<name>disc", "<name>dics"),
            r"0\.xml: object 0: wanted a class among disc, square, got 'dics'",
        ),
        (
            rewritten("annotations/0.xml", "<xmax>", "<xmax>9"),
            r"object 0: wanted a box inside of \[0, 1\], got",
        ),
        (
            rewritten("annotations/0.xml", "<width>64", "<width>0"),
            r"0\.xml: size: wanted at least 1x1 pixels, got \[0\.0, 64\.0\]",
        ),
    ],
)
def test_what_is_wrong_with_voc_is_named(tmp_path: Path, spoil: Break, message: str) -> None:
    folder = drawn.voc(tmp_path, FOUR)
    (folder / "all.txt").write_text("0\n1\n2\n3\n")
    spoil(folder)
    with pytest.raises(BadData, match=message):
        read_voc(voc(folder, names=folder / "all.txt"), ("disc", "square"))


def json_changed(change: Callable[[dict], object]) -> Break:
    def apply(folder: Path) -> None:
        told = json.loads((folder / "boxes.json").read_text())
        change(told)
        (folder / "boxes.json").write_text(json.dumps(told))

    return apply


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (gone("boxes.json"), r"boxes\.json: wanted a JSON, got: No such file"),
        (
            lambda f: (f / "boxes.json").write_text("{"),
            r"boxes\.json: wanted COCO's JSON, got: Input data was truncated",
        ),
        (
            json_changed(lambda told: told["annotations"][0].pop("bbox")),
            r"missing required field `bbox` - at `\$\.annotations\[0\]`",
        ),
        (
            json_changed(lambda told: told["annotations"][1].update(image_id=7)),
            r"annotations\[1\]: no image has the id 7",
        ),
        (
            json_changed(lambda told: told["annotations"][1].update(category_id=90)),
            r"annotations\[1\]: no category has the id 90",
        ),
        (
            json_changed(lambda told: told["annotations"][1].update(bbox=[3, 3, 0, 5])),
            r"1\.png: object 0: wanted a box with area",
        ),
        (
            json_changed(lambda told: told["images"][1].update(file_name="../../x.png")),
            r"wanted files below images, got '\.\./\.\./x\.png'",
        ),
    ],
)
def test_what_is_wrong_with_coco_is_named(tmp_path: Path, spoil: Break, message: str) -> None:
    folder = drawn.coco(tmp_path, FOUR)
    spoil(folder)
    with pytest.raises(BadData, match=message):
        read_coco(coco(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n", r"train\.csv: wanted a line a picture, got none"),
        ("file,kind\n", r"train\.csv: wanted a column 'label', got file, kind"),
        ("file,label\ndisc/0.png,\n", r"train\.csv:2: wanted a file and a class"),
        ("file,label\ndisc/0.png,disc\n", r"wanted two classes or more, got \['disc'\]"),
        ("file,label\na.png,a\nb.png,b\n", r"a\.png: wanted a picture, got nothing there"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    drawn.class_folders(tmp_path, FOUR)
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(BadData, match=message):
        read_classes(folders(tmp_path, table=tmp_path / "train.csv"))


def test_a_class_that_train_has_not_is_an_error(tmp_path: Path) -> None:
    data = folders(drawn.class_folders(tmp_path, FOUR))
    with pytest.raises(BadData, match="wanted a class among disc, ring, got 'square'"):
        read_classes(data, ("disc", "ring"))


def test_what_is_wrong_with_masks_is_named(tmp_path: Path) -> None:
    data = masks(drawn.masks(tmp_path, FOUR))
    pairs = read_masks(data)
    with pytest.raises(BadData, match=r"0_mask\.png: wanted grey levels \[0, 85\], got \[255\]"):
        read_pair(pairs[0], (0, 85))
    drawn.save(pairs[1].mask, np.zeros((8, 8), np.uint8))
    with pytest.raises(BadData, match=r"1_mask\.png: wanted \(64, 64\) pixels, got \(8, 8\)"):
        read_pair(pairs[1], (0, 255))
    drawn.save(pairs[2].mask, np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(BadData, match=r"2_mask\.png: wanted one channel of 8 bits"):
        read_pair(pairs[2], (0, 255))
    pairs[3].file.write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"3_image\.png: wanted a picture, got 10 bytes that are"):
        read_pair(pairs[3], (0, 255))
    pairs[0].mask.unlink()
    with pytest.raises(BadData, match=r"0_mask\.png: wanted a picture, got nothing there"):
        read_masks(data)
