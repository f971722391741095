"""Reads boxes as Pascal VOC has them: one XML a picture.

Everingham et al., The PASCAL Visual Object Classes Challenge, development kit, section 4. Corners
are pixels; the kit counts them from 1, most tools that write this format from 0, and half a pixel
is not looked at here: a corner is divided by the size as it stands.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from models.errors import BadData
from models.training.boxes import boxed, class_names
from models.training.config import Voc
from models.training.examples import Boxed, picture_named, read_names

MOST_BYTES = 1 << 20  # of one XML; a picture with a hundred boxes takes 30 kB
CORNERS = ("xmin", "ymin", "xmax", "ymax")

Thing = tuple[str, list[float]]


def read_voc(data: Voc, labels: tuple[str, ...] = ()) -> tuple[tuple[str, ...], list[Boxed]]:
    """The names of the classes in the order of their numbers, and the pictures.

    labels  the classes, if they are known already: another one is an error
    raises  BadData naming the file, the object, what was wanted and what was got
    """
    if data.names:
        files = [data.annotations / f"{name}.xml" for name in read_names(data.names)]
    else:
        files = sorted(data.annotations.glob("*.xml"))
    if not files:
        raise BadData(f"{data.annotations}: wanted an XML a picture, got none")
    found = [(file, *_read(file, data)) for file in files]
    known = class_names((name for _, _, things in found for name, _ in things), labels, data.images)
    return known, [boxed(picture, things, known, str(file)) for file, picture, things in found]


def _read(file: Path, data: Voc) -> tuple[Path, list[Thing]]:
    root = _parse(file)
    if root.tag != "annotation":
        raise BadData(f"{file}: wanted <annotation>, got <{root.tag}>")
    # The name that the XML gives is often that of another machine's file: its own name rules.
    picture = picture_named(data.images, file.stem)
    size = np.array([_number(file, root, f"size/{side}") for side in ("width", "height")])
    if (size < 1).any():
        raise BadData(f"{file}: size: wanted at least 1x1 pixels, got {size.tolist()}")
    things = []
    for number, thing in enumerate(root.findall("object")):
        where = f"{file}: object {number}"
        if thing.findtext("difficult", "0").strip() == "1" and not data.difficult:
            continue
        name = thing.findtext("name", "").strip()
        if not name:
            raise BadData(f"{where}: wanted a <name>, got none")
        corners = np.array([_number(where, thing, f"bndbox/{corner}") for corner in CORNERS])
        things.append((name, (corners / np.tile(size, 2)).tolist()))
    return picture, things


def _parse(file: Path) -> ET.Element:
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadData(f"{file}: wanted an XML, got: {error.strerror}") from error
    if len(text) > MOST_BYTES:
        raise BadData(f"{file}: wanted at most {MOST_BYTES} bytes, got more")
    if b"<!" in text.replace(b"<!--", b""):
        # Entities may be made to grow without bound; the format has none.
        raise BadData(f"{file}: wanted plain elements, got a declaration (<!)")
    try:
        return ET.fromstring(text)  # noqa: S314 - bounded, and without entities
    except ET.ParseError as error:
        raise BadData(f"{file}: wanted XML, got: {error}") from error


def _number(where: object, element: ET.Element, path: str) -> float:
    text = element.findtext(path)
    try:
        return float(text or "")
    except ValueError:
        raise BadData(f"{where}: {path}: wanted a number, got {text!r}") from None
