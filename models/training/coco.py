"""Reads boxes as COCO has them: one JSON for all pictures.

Lin et al., arXiv:1405.0312; format at cocodataset.org, "Object Detection": `bbox` is x, y, width
and height in pixels from the upper left, `category_id` one of `categories`, with gaps. Crowds
(`iscrowd`) are many things in one box, and are left out.
"""

from collections import defaultdict
from pathlib import Path

import msgspec

from models.errors import BadData
from models.training.boxes import boxed, class_names
from models.training.config import Coco
from models.training.examples import Boxed, read_names


class _Image(msgspec.Struct):
    id: int
    file_name: str
    width: int
    height: int


class _Category(msgspec.Struct):
    id: int
    name: str


class _Thing(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _File(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Thing]
    categories: list[_Category]


def read_coco(data: Coco, labels: tuple[str, ...] = ()) -> tuple[tuple[str, ...], list[Boxed]]:
    """The names of the classes in the order of their numbers, and the pictures.

    Without `labels` the classes are those that have a box, in the file's order.
    labels  the classes, if they are known already: boxes of others are left out, as COCO has 80
            and most want a few
    raises  BadData naming the file, the annotation, what was wanted and what was got
    """
    file = data.annotations
    told = _read(file)
    names = {category.id: category.name for category in told.categories}
    images = {image.id: image for image in told.images}
    things: dict[int, list[tuple[str, list[float]]]] = defaultdict(list)
    for number, thing in enumerate(told.annotations):
        if thing.image_id not in images:
            raise BadData(f"{file}: annotations[{number}]: no image has the id {thing.image_id}")
        if thing.category_id not in names:
            raise BadData(
                f"{file}: annotations[{number}]: no category has the id {thing.category_id}"
            )
        name = names[thing.category_id]
        if thing.iscrowd or (labels and name not in labels):
            continue
        image, (x, y, width, height) = images[thing.image_id], thing.bbox
        corners = (x / image.width, y / image.height)
        far = ((x + width) / image.width, (y + height) / image.height)
        things[image.id].append((name, [*corners, *far]))
    used = {name for found in things.values() for name, _ in found}
    known = class_names((), labels or tuple(n for n in names.values() if n in used), file)
    return known, [
        boxed(_picture(data, image), things[image.id], known, f"{file}: {image.file_name}")
        for image in _chosen(data, told.images)
    ]


def _read(file: Path) -> _File:
    try:
        told = msgspec.json.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise BadData(f"{file}: wanted a JSON, got: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadData(f"{file}: wanted COCO's JSON, got: {error}") from error
    for image in told.images:
        if image.width < 1 or image.height < 1:
            raise BadData(
                f"{file}: {image.file_name}: wanted at least 1x1 pixels, "
                f"got {image.width}x{image.height}"
            )
    if not told.images:
        raise BadData(f"{file}: images: wanted at least one, got none")
    return told


def _chosen(data: Coco, images: list[_Image]) -> list[_Image]:
    if data.names is None:
        return images
    by_name = {Path(image.file_name).stem: image for image in images}
    missing = [name for name in read_names(data.names) if name not in by_name]
    if missing:
        raise BadData(f"{data.names}: wanted images of {data.annotations}, got {missing[0]!r}")
    return [by_name[name] for name in read_names(data.names)]


def _picture(data: Coco, image: _Image) -> Path:
    # A file may say "../../somewhere/else.jpg".
    file = data.images / image.file_name
    if not file.resolve().is_relative_to(data.images.resolve()):
        raise BadData(f"{data.annotations}: wanted files below images, got {image.file_name!r}")
    if not file.is_file():
        raise BadData(f"{file}: wanted a picture, got nothing there")
    return file
