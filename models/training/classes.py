"""Reads pictures with one class each: a folder a class, or a table beside them."""

import csv

from models.errors import BadData
from models.training.config import ClassFolders
from models.training.examples import Classified, pictures_in, read_text


def read_classes(
    data: ClassFolders, labels: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], list[Classified]]:
    """The names of the classes in the order of their numbers, and the pictures.

    labels  the classes, if they are known already: another one is an error
    raises  BadData naming the file, the line, what was wanted and what was got
    """
    found = _in_table(data) if data.table else _in_folders(data)
    known = labels or tuple(sorted({name for _, name in found}))
    if len(known) < 2:
        raise BadData(f"{data.table or data.images}: wanted two classes or more, got {list(known)}")
    examples = []
    for file, name in found:
        path = data.images / file
        if name not in known:
            raise BadData(f"{path}: wanted a class among {', '.join(known)}, got {name!r}")
        if not path.is_file():
            raise BadData(f"{path}: wanted a picture, got nothing there")
        examples.append(Classified(path, known.index(name)))
    return known, examples


def _in_folders(data: ClassFolders) -> list[tuple[str, str]]:
    if not data.images.is_dir():
        raise BadData(f"{data.images}: wanted a folder with a folder a class, got none")
    found = [
        (f"{folder.name}/{file.name}", folder.name)
        for folder in sorted(data.images.iterdir())
        if folder.is_dir()
        for file in pictures_in(folder)
    ]
    if not found:
        raise BadData(f"{data.images}: wanted pictures in a folder a class, got none")
    return found


def _in_table(data: ClassFolders) -> list[tuple[str, str]]:
    assert data.table is not None
    rows = csv.DictReader(read_text(data.table).splitlines())
    columns = rows.fieldnames or ()
    for wanted in (data.file, data.label):
        if wanted not in columns:
            raise BadData(f"{data.table}: wanted a column {wanted!r}, got {', '.join(columns)}")
    found = [(row[data.file], row[data.label]) for row in rows]
    for line, (file, name) in enumerate(found, start=2):
        if not file or not name:
            raise BadData(f"{data.table}:{line}: wanted a file and a class, got {file!r}, {name!r}")
    if not found:
        raise BadData(f"{data.table}: wanted a line a picture, got none")
    return found
