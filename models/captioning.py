"""From probabilities of the next word to a sentence: greedy, and by beam search. Numpy alone.

The network reads the words so far, padded to one length, and says how likely each word is next.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import BadModel
from models.executor import Session

NextWords = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""(B, T) numbers of words, padded, to (B, words) probabilities of the one that follows."""

LARGEST_VOCABULARY = 16 << 20  # bytes of its file; a word takes some ten
LONGEST_SENTENCE = 1_000  # words; the longest of Flickr8k and COCO have some 50
START, END, PAD, UNKNOWN = "<start>", "<end>", "<pad>", "<unk>"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a captioner knows, by number.

    words   in the order of their numbers; "<start>" and "<end>" are among them
    length  of a padded sentence, "<start>" counted: what the network was trained with
    raises  BadModel if a word is missing or stands twice, or the length is that of no sentence
    """

    words: tuple[str, ...]
    length: int

    def to_json(self) -> str:
        """As `parse_vocabulary` reads it; kept in the metadata of a converted network."""
        return json.dumps({"words": self.words, "length": self.length}, ensure_ascii=False)

    def __post_init__(self) -> None:
        if len(set(self.words)) != len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise BadModel(f"vocabulary: word {twice!r}: wanted once, got twice")
        for word in (START, END):
            if word not in self.words:
                raise BadModel(f"vocabulary: wanted a word {word}, got none")
        if not 1 <= self.length <= LONGEST_SENTENCE:
            raise BadModel(f"vocabulary: length: wanted 1 to {LONGEST_SENTENCE}, got {self.length}")

    @property
    def pad(self) -> int:
        """What fills a sentence: "<pad>" where there is one, else the word with the number 0."""
        return self.words.index(PAD) if PAD in self.words else 0

    def padded(self, sentences: list[tuple[int, ...]]) -> NDArray[np.int64]:
        """(B, length) int64, each from the left."""
        rows = np.full((len(sentences), self.length), self.pad, np.int64)
        for row, sentence in zip(rows, sentences, strict=True):
            row[: len(sentence)] = sentence
        return rows


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was said.

    words  without "<start>" and "<end>"
    score  the geometric mean of the probabilities of its words and of its end, in [0, 1]
    ended  whether it came to its end, or to the length of the vocabulary
    """

    words: tuple[str, ...]
    score: float
    ended: bool


def read_vocabulary(path: Path) -> Vocabulary:
    """Read a vocabulary from JSON, `{"words": [...], "length": 49}`.

    Originals keep theirs in pickles, which are programs and are not run; the captioners' cards say
    how to write this file from one.
    raises  BadModel naming the file, what was wanted and what was got
    """
    if (size := path.stat().st_size) > LARGEST_VOCABULARY:
        raise BadModel(f"{path.name}: wanted at most {LARGEST_VOCABULARY} bytes, got {size}")
    return parse_vocabulary(path.read_bytes(), path.name)


def parse_vocabulary(text: bytes | str, file: str) -> Vocabulary:
    """Read a vocabulary's JSON; `file` is its name in errors. Raises as `read_vocabulary` does."""
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadModel(f"{file}: wanted JSON, got {error}") from error
    except RecursionError as error:
        raise BadModel(f"{file}: wanted a list of words, got lists in lists") from error
    words = told.get("words") if isinstance(told, dict) else None
    length = told.get("length") if isinstance(told, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadModel(f"{file}: words: wanted a list of text, got {type(words).__name__}")
    if not isinstance(length, int) or isinstance(length, bool):
        raise BadModel(f"{file}: length: wanted a number, got {type(length).__name__}")
    try:
        return Vocabulary(tuple(words), length)
    except BadModel as error:
        raise BadModel(f"{file}: {error}") from error


def words_after(session: Session, features: NDArray[np.float32]) -> NextWords:
    """What a network of task "caption" gives for one picture.

    features  (4096,) float32, of the picture by its encoder
    """

    def next_words(sentences: NDArray[np.int64]) -> NDArray[np.float32]:
        picture = np.repeat(features[None], len(sentences), axis=0)
        said = session.run({"features": picture, "words": sentences})
        return np.asarray(said["probabilities"], np.float32)

    return next_words


def caption(next_words: NextWords, vocabulary: Vocabulary, *, beams: int = 1) -> Sentence:
    """The likeliest of `captions`."""
    return captions(next_words, vocabulary, beams=beams)[0]


def captions(
    next_words: NextWords, vocabulary: Vocabulary, *, beams: int = 1, longest: int | None = None
) -> list[Sentence]:
    """The sentences whose words are likeliest together, as far as the search sees.

    Of each sentence so far the likeliest next words are tried, and the `beams` likeliest sentences
    are kept, by the sum of the logarithms; one that has ended stays as it is. With one beam that is
    the greedy search of the originals. Sentences that are open are asked about in one batch.
    longest  words of a sentence, its end counted; None is as many as the vocabulary's length
    returns  at most `beams`, the likeliest first
    raises  BadModel if the network does not know as many words as the vocabulary;
            ValueError if there is no beam
    """
    if beams < 1:
        raise ValueError(f"beams: wanted at least 1, got {beams}")
    end = vocabulary.words.index(END)
    kept: list[tuple[float, tuple[int, ...]]] = [(0.0, (vocabulary.words.index(START),))]
    for _ in range(min(longest or vocabulary.length, vocabulary.length)):
        open_ones = [(total, words) for total, words in kept if words[-1] != end]
        if not open_ones:
            break
        likely = next_words(vocabulary.padded([words for _, words in open_ones]))
        if likely.shape != (len(open_ones), len(vocabulary.words)):
            raise BadModel(
                f"vocabulary: wanted {likely.shape[-1]} words, as the network knows, "
                f"got {len(vocabulary.words)}"
            )
        tried = [(total, words) for total, words in kept if words[-1] == end]
        for (total, words), row in zip(open_ones, likely, strict=True):
            for word in np.argsort(-row, kind="stable")[:beams]:
                # A word that cannot come is worse than any that can, and no infinity.
                log = float(np.log(max(row[word], np.finfo(np.float32).tiny)))
                tried.append((total + log, (*words, int(word))))
        kept = sorted(tried, key=lambda one: -one[0])[:beams]
    return [_sentence(total, words, vocabulary) for total, words in kept]


def _sentence(total: float, words: tuple[int, ...], vocabulary: Vocabulary) -> Sentence:
    ended = words[-1] == vocabulary.words.index(END)
    said = tuple(vocabulary.words[word] for word in (words[1:-1] if ended else words[1:]))
    return Sentence(said, float(np.exp(total / (len(words) - 1))), ended)
