"""Sentences are found in probabilities: of small networks whose every answer is written down."""

from pathlib import Path

import numpy as np
import pytest

from models import BadModel
from models.captioning import NextWords, Vocabulary, caption, read_vocabulary

WORDS = Vocabulary(("<start>", "<end>", "<unk>", "<pad>", "a", "dog", "cat", "runs"), 6)


def telling(table: dict[str, dict[str, float]], vocabulary: Vocabulary = WORDS) -> NextWords:
    """A network that knows what follows which sentence; elsewhere the end follows."""

    def next_words(sentences: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(sentences), len(vocabulary.words)), np.float32)
        for row, numbers in zip(rows, sentences, strict=True):
            said = [vocabulary.words[n] for n in numbers if n != vocabulary.pad]
            follows = table.get(" ".join(said[1:]), {"<end>": 1.0})
            for word, likely in follows.items():
                row[vocabulary.words.index(word)] = likely
        return rows

    return next_words


# The likeliest first word leads to a sentence that is less likely than another.
FORKED = telling(
    {
        "": {"a": 0.6, "dog": 0.4},
        "a": {"dog": 0.35, "cat": 0.33, "runs": 0.32},
        "dog": {"runs": 1.0},
    }
)


def test_one_beam_takes_the_likeliest_word_each_time() -> None:
    said = caption(FORKED, WORDS)
    assert said.words == ("a", "dog")
    assert said.ended
    assert said.score == pytest.approx((0.6 * 0.35 * 1.0) ** (1 / 3))


def test_more_beams_find_the_likelier_sentence() -> None:
    said = caption(FORKED, WORDS, beams=3)
    assert said.words == ("dog", "runs")
    assert said.score == pytest.approx((0.4 * 1.0 * 1.0) ** (1 / 3))


def test_a_sentence_that_has_ended_stays_while_others_go_on() -> None:
    network = telling({"": {"<end>": 0.6, "a": 0.4}, "a": {"dog": 0.5, "cat": 0.5}})
    said = caption(network, WORDS, beams=2)
    assert said.words == ()
    assert said.score == pytest.approx(0.6)


def test_a_sentence_without_an_end_stops_at_its_length() -> None:
    forever = telling({" ".join(["a"] * n): {"a": 1.0} for n in range(10)})
    said = caption(forever, WORDS)
    assert said.words == ("a",) * WORDS.length
    assert not said.ended


def test_sentences_are_padded_to_one_length_and_asked_in_one_batch() -> None:
    seen = []

    def watched(sentences: np.ndarray) -> np.ndarray:
        seen.append(sentences.copy())
        return FORKED(sentences)

    caption(watched, WORDS, beams=2)
    assert [one.shape for one in seen] == [(1, 6), (2, 6), (2, 6)]
    assert {one.dtype.name for one in seen} == {"int64"}
    assert seen[0].tolist() == [[0, 3, 3, 3, 3, 3]]
    assert sorted(seen[1].tolist()) == [[0, 4, 3, 3, 3, 3], [0, 5, 3, 3, 3, 3]]


def test_without_a_word_for_padding_it_is_the_first_word() -> None:
    """pad_sequences of Keras fills with 0, whatever word that is."""
    assert Vocabulary(("a", "<start>", "<end>"), 4).padded([(1,)]).tolist() == [[1, 0, 0, 0]]


def test_a_network_of_other_words_is_refused() -> None:
    def short(sentences: np.ndarray) -> np.ndarray:
        return np.ones((len(sentences), 5), np.float32)

    with pytest.raises(BadModel, match="vocabulary: wanted 5 words, as the network knows, got 8"):
        caption(short, WORDS)


def test_there_is_at_least_one_beam() -> None:
    with pytest.raises(ValueError, match="beams: wanted at least 1, got 0"):
        caption(FORKED, WORDS, beams=0)


def test_a_vocabulary_is_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('{"words": ["<start>", "<end>", "ein", "Hündchen"], "length": 49}', "utf-8")
    assert read_vocabulary(path) == Vocabulary(("<start>", "<end>", "ein", "Hündchen"), 49)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("\x80\x02}q\x00", "wanted JSON, got"),
        ("[" * 100_000, "wanted a list of words, got lists in lists"),
        ("[1]", "words: wanted a list of text, got NoneType"),
        ('{"words": ["a", 2], "length": 3}', "words: wanted a list of text"),
        ('{"words": ["<start>", "<end>"], "length": "3"}', "length: wanted a number, got str"),
        ('{"words": ["<start>", "<end>"], "length": 0}', "length: wanted 1 to 1000, got 0"),
        ('{"words": ["<start>", "<end>"], "length": 1001}', "length: wanted 1 to 1000, got 1001"),
        ('{"words": ["<start>", "a", "a"], "length": 3}', "word 'a': wanted once, got twice"),
        ('{"words": ["<start>", "a"], "length": 3}', "wanted a word <end>, got none"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "words.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadModel, match=f"words.json: .*{wrong}"):
        read_vocabulary(path)


@pytest.mark.timeout(20)
def test_a_word_that_stands_twice_is_found_at_once_among_very_many() -> None:
    words = ("<start>", "<end>", *map(str, range(300_000)), "7")
    with pytest.raises(BadModel, match="word '7': wanted once, got twice"):
        Vocabulary(words, 49)
