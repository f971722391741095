"""From a config to a model that runs: small trainings of drawn shapes reach a stated score."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.families import mobilenet
from models.session import open_session
from models.spec import Input, ModelSpec
from models.store import find
from models.training.augment import View, see
from models.training.examples import read_picture
from pipeline.cli import app
from pipeline.commands.train import load_training
from pipeline.config.errors import ConfigError
from tests.models.keras2_file import by_layer, write
from tests.models.seeded import fill
from tests.models.training import drawn

CONFIGS = Path(__file__).parents[3] / "configs" / "train"

# A MobileNet with random weights of a sensible size: its features tell red from blue.
BACKBONE = "backbone.h5"

CLASSIFY = """
task: classify
name: shapes
out: out
network: mobilenet
alpha: 0.25
weights: backbone.h5
layers: [conv_pw_1_relu, conv_pw_3_relu]
input: { width: 64, height: 64, fit: stretch }
train: { images: train }
dev: { images: dev }
views: 1
mirror: true
augment: { jitter: 0.05 }
schedule: { epochs: 20, batch: 8, rate: 0.05, decay: 0.001, average: 0 }
"""

DETECT = """
task: detect
name: shapes
out: out
alpha: 0.25
weights: backbone.h5
frozen: conv_pw_11_relu
views: 1
input: { width: 96, height: 96 }
labels: [disc, square]
anchors: 2
train: { format: coco, images: train/images, annotations: train/boxes.json }
dev: { format: voc, images: dev/images, annotations: dev/annotations }
augment: { jitter: 0.1, mosaic: 0 }
schedule: { epochs: 1, batch: 8 }
halves: true
"""

SEGMENT = """
task: segment
name: shapes
out: out
alpha: 0.25
weights: backbone.h5
frozen: conv_pw_13_relu
input: { width: 64, height: 64, fit: stretch }
labels: [ground, shape]
train: { image: "train/{name}_image.png", mask: "train/{name}_mask.png" }
dev: { image: "dev/{name}_image.png", mask: "dev/{name}_mask.png" }
augment: { jitter: 0.1 }
schedule: { epochs: 20, batch: 8, rate: 0.01, average: 0.5, every: 10 }
"""


def backbone() -> dict[str, dict[str, np.ndarray]]:
    """The layers of a MobileNet as Keras 2 wrote them."""
    picture = Input(32, 32)
    labels = tuple(map(str, range(1000)))
    spec = ModelSpec(
        *("m", "mobilenet", "classify", picture, labels, "none", "none", None), variant="0.25"
    )
    network = mobilenet.build(spec)
    fill(network, seed=1)
    return by_layer(
        (weight.path, np.asarray(weight))
        for weight in network.weights
        if not weight.path.startswith("seed_generator")
    )


def run(folder: Path, config: str) -> dict:
    """What `framewire models train` reports."""
    file = folder / "train.yaml"
    file.write_text(config)
    if BACKBONE in config and not (folder / BACKBONE).exists():
        write(folder / BACKBONE, backbone())
    done = CliRunner().invoke(app, ["models", "train", str(file)])
    assert done.exit_code == 0, done.output
    return json.loads((folder / "out" / "shapes.report.json").read_text())


def shown(folder: Path, seed: int) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """What the written model says about a picture that nobody has seen, opened as a stage does."""
    model = find(str(folder / "out" / "shapes.onnx"))
    session = open_session(model.path, device="cpu")
    session.check_against(model.spec)
    drawn.save(folder / "new.png", drawn.draw(seed).image)
    image = read_picture(folder / "new.png")
    image = see(image, View(), (model.spec.input.height, model.spec.input.width))
    return session.run({"image": image[np.newaxis]}), model.spec.labels


def test_a_classifier_is_trained(tmp_path: Path) -> None:
    drawn.class_folders(tmp_path / "train", range(24))
    drawn.class_folders(tmp_path / "dev", range(50, 58))
    report = run(tmp_path, CLASSIFY)
    assert report["dev"]["f1"] >= 0.8
    assert set(report["dev"]["classes"]["disc"]) == {"precision", "recall", "f1"}
    assert report["pictures"] == {"train": 24, "dev": 8}
    said, labels = shown(tmp_path, 101)
    assert said["probabilities"].shape == (1, len(labels))


def test_a_detector_is_trained(tmp_path: Path) -> None:
    drawn.coco(tmp_path / "train", range(8))
    drawn.voc(tmp_path / "dev", range(50, 54))
    report = run(tmp_path, DETECT)
    assert 0 <= report["dev"]["ap50"] <= 1  # how it learns is tested in test_detect.py
    assert report["labels"] == ["disc", "square"]
    assert run(tmp_path, DETECT)["dev"] == report["dev"]  # finished: only written again
    said, _ = shown(tmp_path, 101)
    assert said["boxes"].shape[1] == 4


@pytest.mark.slow
def test_a_segmenter_is_trained(tmp_path: Path) -> None:
    drawn.masks(tmp_path / "train", range(24))
    drawn.masks(tmp_path / "dev", range(50, 54))
    report = run(tmp_path, SEGMENT)
    assert report["dev"]["iou"] >= 0.65
    said, _ = shown(tmp_path, 101)
    agree = said["classes"][0] == drawn.draw(101).mask // 255
    assert agree.mean() > 0.8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            DETECT.replace("out: out", "out: out\noutt: x"),
            "outt: unknown key 'outt'; did you mean out",
        ),
        (
            DETECT.replace("width: 96", "width: 100"),
            "input.width: wanted a number a multiple of 32",
        ),
        (
            DETECT.replace("jitter: 0.1", "jitter: 0.6"),
            "augment.jitter: wanted a number less than 0.5",
        ),
        (DETECT.replace("format: coco", "format: cocoa"), "train: "),
        (DETECT.replace("name: shapes\n", ""), "wanted the key 'name', got none"),
        (DETECT.replace("frozen: conv_pw_11_relu\n", ""), "wanted `frozen` with `views`"),
        ("task: guess\n", "task: wanted one of classify, detect, segment, caption, got 'guess'"),
        ("- a\n", "wanted a mapping with task, name, out, .., got a list"),
        ("name: x\n", r"wanted the key 'task' (classify, detect, segment, caption), got none"),
        (
            SEGMENT.replace("[ground, shape]", "[a, b, c]"),
            "wanted a grey level for each of 3 labels",
        ),
        (
            SEGMENT.replace("train/{name}_mask", "train/mask"),
            "wanted a path with {name} once in it",
        ),
    ],
)
def test_a_mistake_in_a_config_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_training(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{file}:")


def test_a_bad_config_ends_with_2_and_bad_data_with_1(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(DETECT.replace("alpha", "alhpa"))
    done = CliRunner().invoke(app, ["models", "train", str(file)])
    assert done.exit_code == 2
    assert "alhpa: unknown key 'alhpa'; did you mean alpha?" in done.stderr
    file.write_text(DETECT)
    done = CliRunner().invoke(app, ["models", "train", str(file)])
    assert done.exit_code == 1
    assert "train/boxes.json: wanted a JSON, got: No such file or directory" in done.stderr


def test_paths_start_in_the_folder_of_the_config(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text(DETECT)
    config = load_training(file)
    assert config.out == tmp_path / "out"
    assert config.train.images == tmp_path / "train" / "images"


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_configs_that_ship_are_right(file: Path) -> None:
    assert load_training(file).name == file.stem
