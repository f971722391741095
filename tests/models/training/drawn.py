"""Small data sets of drawn shapes, in the formats that training reads."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64
COLOURS = {"disc": (230, 60, 40), "square": (40, 80, 230)}  # RGB


@dataclass(frozen=True)
class Drawn:
    """A picture, (SIDE, SIDE, 3) uint8 RGB, with one shape: its class, box in pixels, and mask."""

    image: NDArray[np.uint8]
    name: str
    box: tuple[int, int, int, int]
    mask: NDArray[np.uint8]


def draw(seed: int) -> Drawn:
    """A disc or a square, in turns, somewhere on grey noise."""
    random = np.random.default_rng(seed)
    image = random.integers(90, 140, (SIDE, SIDE, 3), np.uint8)
    name = ("disc", "square")[seed % 2]
    half = int(random.integers(10, 18))
    x, y = random.integers(half, SIDE - half, 2).tolist()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if name == "disc":
        cv2.circle(mask, (x, y), half, 255, -1)
    else:
        cv2.rectangle(mask, (x - half, y - half), (x + half, y + half), 255, -1)
    image[mask > 0] = COLOURS[name]
    return Drawn(image, name, (x - half, y - half, x + half, y + half), mask)


def save(file: Path, image: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    stored = image[..., ::-1] if image.ndim == 3 else image
    assert cv2.imwrite(str(file), stored)


def class_folders(folder: Path, seeds: range) -> Path:
    """FOLDER/disc/0.png, FOLDER/square/1.png, .."""
    for seed in seeds:
        drawn = draw(seed)
        save(folder / drawn.name / f"{seed}.png", drawn.image)
    return folder


XML = """<annotation><folder>x</folder><filename>{name}.png</filename>
<size><width>64</width><height>64</height><depth>3</depth></size>
<object><name>{label}</name><difficult>{difficult}</difficult><bndbox>
<xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object></annotation>"""


def voc(folder: Path, seeds: range) -> Path:
    """FOLDER/images/0.png, FOLDER/annotations/0.xml, .."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        drawn = draw(seed)
        save(folder / "images" / f"{seed}.png", drawn.image)
        text = XML.format(*drawn.box, name=seed, label=drawn.name, difficult=0)
        (folder / "annotations" / f"{seed}.xml").write_text(text)
    return folder


def coco(folder: Path, seeds: range) -> Path:
    """FOLDER/images/0.png, .. and FOLDER/boxes.json; category ids have gaps, as COCO's have."""
    images, things = [], []
    for seed in seeds:
        drawn = draw(seed)
        save(folder / "images" / f"{seed}.png", drawn.image)
        x1, y1, x2, y2 = drawn.box
        images.append({"id": 100 + seed, "file_name": f"{seed}.png", "width": 64, "height": 64})
        things.append(
            {
                "id": seed,
                "image_id": 100 + seed,
                "category_id": {"disc": 3, "square": 17}[drawn.name],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": 0,
            }
        )
    categories = [{"id": 17, "name": "square"}, {"id": 3, "name": "disc"}]
    told = {"images": images, "annotations": things, "categories": categories}
    (folder / "boxes.json").write_text(json.dumps(told))
    return folder


def masks(folder: Path, seeds: range) -> Path:
    """FOLDER/0_image.png and FOLDER/0_mask.png, .."""
    for seed in seeds:
        drawn = draw(seed)
        save(folder / f"{seed}_image.png", drawn.image)
        save(folder / f"{seed}_mask.png", drawn.mask)
    return folder
