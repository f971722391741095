"""Sentences are read, scored, and learnt."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import BadData
from models.training.bleu import bleu
from models.training.config import Caption, Sentences
from models.training.run import train
from models.training.sentences import read_sentences, vocabulary_of, words_of
from stages.caption import CaptionOptions, CaptionStage
from stages.stage import StageContext
from tests.factory import frame_of

CAT = ["the", "cat", "is", "on", "the", "mat"]
RED, BLUE = "a red wall in the sun", "some blue water under a boat"


def test_what_people_wrote_is_right() -> None:
    assert bleu([CAT], [[CAT, ["a", "dog"]]]) == pytest.approx(1)


def test_bleu_by_hand() -> None:
    """Shares 5/6, 3/5, 2/4, 1/3 of runs of 1 to 4 words, no penalty: as long as the reference."""
    said = ["the", "cat", "sat", "on", "the", "mat"]
    wanted = ["the", "cat", "sat", "on", "a", "mat"]
    assert bleu([said], [[wanted]]) == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)


def test_a_word_counts_as_often_as_a_reference_has_it() -> None:
    """The example of the paper, section 2.1: 2 of 7 words, so no longer run is right."""
    assert bleu([["the"] * 7], [[CAT]]) == 0


def test_who_says_less_is_worth_less() -> None:
    assert bleu([CAT[:4]], [[CAT]]) == pytest.approx(np.exp(1 - 6 / 4))


def test_nothing_said_is_worth_nothing() -> None:
    assert bleu([[]], [[CAT]]) == 0


def test_words_are_small_and_without_punctuation() -> None:
    assert words_of("A man's dog, a Café!  (2 cats)") == (
        "a", "man's", "dog", "a", "café", "2", "cats",
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two reddish and two bluish pictures, with sentences."""
    random = np.random.default_rng(0)
    told: dict[str, list[str]] = {}
    for number, (colour, sentence) in enumerate([((40, 40, 220), RED), ((220, 60, 40), BLUE)] * 2):
        picture = np.clip(random.normal(colour, 25, (60, 80, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        told[f"{number}.png"] = [sentence]
    (tmp_path / "told.json").write_text(json.dumps(told))
    return tmp_path


def test_sentences_by_picture_and_those_of_coco_are_read_alike(folder: Path) -> None:
    told = json.loads((folder / "told.json").read_text())
    images = [{"id": 7 + n, "file_name": name} for n, name in enumerate(told)]
    notes = [{"image_id": 7 + n, "caption": every[0]} for n, every in enumerate(told.values())]
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": notes}))
    read = [
        read_sentences(Sentences(images=folder, captions=folder / name))
        for name in ("told.json", "coco.json")
    ]
    assert read[0] == read[1]
    assert read[0][0].sentences == (tuple(RED.split()),)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[", "wanted COCO's captions, or a mapping from pictures to sentences"),
        ("[1]", "wanted COCO's captions"),
        ('{"0.png": 3}', "wanted COCO's captions"),
        ('{"annotations": [{"image_id": 3}], "images": []}', "wanted COCO's captions"),
        ('{"9.png": ["a cat"]}', "wanted a picture 9.png"),
        ('{"0.png": []}', "wanted at least one sentence, got none"),
    ],
)
def test_what_is_no_list_of_sentences_is_refused(folder: Path, text: str, wrong: str) -> None:
    (folder / "bad.json").write_text(text)
    with pytest.raises(BadData, match=wrong):
        read_sentences(Sentences(images=folder, captions=folder / "bad.json"))


def test_rare_words_are_left_out(folder: Path) -> None:
    pictures = read_sentences(Sentences(images=folder, captions=folder / "told.json"))
    assert vocabulary_of(pictures, 3, 8).words == ("<start>", "<end>", "<unk>", "<pad>", "a")


@pytest.fixture
def small(folder: Path) -> Callable[[], Caption]:
    data = {"images": str(folder), "captions": str(folder / "told.json")}
    return lambda: Caption.model_validate(
        {"task": "caption", "name": "walls", "out": str(folder / "out"), "least": 1, "length": 9}
        | {"units": 24, "dropout": 0, "train": data, "dev": data}
        | {"schedule": {"epochs": 300, "batch": 16, "rate": 0.01, "every": 300, "average": 0.9}}
    )


@pytest.mark.slow
def test_four_pictures_are_learnt_by_heart_and_told_by_the_stage(
    folder: Path, small: Callable[[], Caption]
) -> None:
    """On a VGG16 that knows nothing: red and blue differ all the same."""
    outcome = train(small())
    assert outcome.scores["bleu4"] == pytest.approx(1)
    options = CaptionOptions(model="out/walls.onnx", encoder="out/walls-encoder.onnx", beam=2)
    stage = CaptionStage(options, StageContext("caption", device="cpu", folder=folder))
    frames = [frame_of(cv2.imread(str(folder / f"{number}.png")), number) for number in range(4)]
    assert [one.text for one in stage.run(frames)] == [RED, BLUE, RED, BLUE]
