"""Reads pictures with the sentences that people wrote about them."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.captioning import END, PAD, START, UNKNOWN, Vocabulary
from models.errors import BadData
from models.training.config import Sentences
from models.training.examples import picture_named, read_text

WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(frozen=True, slots=True)
class Told:
    """A picture and its sentences, each as words in small letters."""

    file: Path
    sentences: tuple[tuple[str, ...], ...]


def read_sentences(config: Sentences) -> tuple[Told, ...]:
    """All pictures that have a sentence, in the order of their names.

    raises  BadData if the file is neither COCO's captions nor sentences by picture, or if a picture
            is missing
    """
    file = config.captions
    try:
        told = json.loads(read_text(file))
        by_name = _coco(told) if "annotations" in told else {n: list(s) for n, s in told.items()}
        words = {
            name: tuple(filter(None, (words_of(one) for one in every)))
            for name, every in by_name.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wanted = "COCO's captions, or a mapping from pictures to sentences"
        raise BadData(f"{file}: wanted {wanted}, got: {error!r}") from error
    found = [
        Told(picture_named(config.images, name), sentences)
        for name, sentences in sorted(words.items())
        if sentences
    ]
    if not found:
        raise BadData(f"{file}: wanted at least one sentence, got none")
    return tuple(found)


def words_of(sentence: str) -> tuple[str, ...]:
    """Its words in small letters, without punctuation."""
    return tuple(WORD.findall(sentence.lower()))


def vocabulary_of(pictures: Sequence[Told], least: int, length: int) -> Vocabulary:
    """The words that stand in at least `least` sentences, the most frequent first."""
    counts = Counter(word for one in pictures for said in one.sentences for word in set(said))
    known = sorted(
        (word for word, n in counts.items() if n >= least), key=lambda w: (-counts[w], w)
    )
    return Vocabulary((START, END, UNKNOWN, PAD, *known), length)


def _coco(told: dict[str, list[dict[str, object]]]) -> dict[str, list[str]]:
    names = {image["id"]: str(image["file_name"]) for image in told["images"]}
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for one in told["annotations"]:
        found[names[one["image_id"]]].append(str(one["caption"]))
    return found
