"""What was trained and ships does what its card says; the docs name every key."""

import re
from pathlib import Path

import numpy as np

import models
from models.families import head
from models.session import open_session
from models.store import find
from models.training import config as keys
from models.training.config import Voc
from models.training.detect import precision_of, run
from models.training.lesson import Lesson
from models.training.voc import read_voc
from pipeline.commands.train import load_training
from tests.models.data import shared

MODELS = Path(models.__file__).parent
ROOT = MODELS.parent
RACCOON = MODELS / "trained" / "raccoon-320.onnx"
TOMATO = MODELS / "trained" / "tomato.head.npz"
MOST_BYTES = 5_000_000


def test_it_is_small_and_has_a_card_with_the_command_that_makes_it() -> None:
    for file, name in ((RACCOON, "raccoon-320"), (TOMATO, "tomato-head")):
        assert file.stat().st_size < MOST_BYTES
        card = (MODELS / "cards" / f"{name}.md").read_text("utf-8")
        command = re.search(r"framewire models train (\S+\.yaml)", card)
        assert command is not None
        assert (ROOT / command[1]).is_file()


def test_the_raccoon_detector_opens_as_a_stage_opens_it() -> None:
    model = find(str(RACCOON))
    session = open_session(model.path, device="cpu")
    session.check_against(model.spec)
    assert model.spec.labels == ("raccoon",)
    size = (model.spec.input.height, model.spec.input.width, 3)
    grey = np.full((2, *size), 114, np.uint8)
    assert len(session.run({"image": grey})["boxes"]) == 0


def test_the_raccoon_detector_finds_raccoons() -> None:
    """AP at an IoU of 0.5 on the 40 pictures of dev; the bar is 0.75, the card says more."""
    folder = shared("raccoon")
    config = load_training(ROOT / "configs" / "train" / "raccoon-320.yaml")
    assert isinstance(config, keys.Detect)
    data = Voc(
        format="voc",
        images=folder / "images",
        annotations=folder / "annotations",
        names=folder / "splits" / "dev.txt",
    )
    model = find(str(RACCOON))
    labels, dev = read_voc(data)
    lesson = Lesson(config.model_copy(update={"anchors": 1}), model.spec.input, dev, labels)
    found = run(model.path, model.spec, lesson, dev)
    there = [lesson.target(example) for example in dev]
    assert precision_of(found, there, labels)["ap50"] >= 0.75


def test_the_tomato_head_fits_its_layers() -> None:
    told = head.read(TOMATO)
    assert told.layers == ("block3_pool", "block4_pool", "block5_conv3", "block5_pool")
    assert told.kernel.shape == (256 + 512 + 512 + 512, 2)


def test_the_docs_name_every_key() -> None:
    text = (ROOT / "docs" / "training.md").read_text("utf-8")
    for group in (
        keys.Classify,
        keys.Detect,
        keys.Segment,
        keys.Caption,
        keys.Augment,
        keys.Schedule,
    ):
        for key in group.model_fields:
            assert f"`{key}`" in text or f"{key}:" in text, key
