"""TernausNet begins with what VGG16 knows, and is written as it was scored."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from models.training import networks
from models.training.config import Picture, Segment
from models.training.run import train
from models.training.unet import DEVIATION, unet
from tests.models.data import shared
from tests.models.training import drawn

VGG16 = "weights_vgg16_notop/vgg16_imagenet_notop_fp16.npz"


def test_its_encoder_gives_what_vgg16_gives_scaled_down() -> None:
    weights = shared(VGG16)
    wanted = networks.input_of("unet16", Picture(width=64, height=32, fit="stretch"))
    picture = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3), np.uint8)
    image = networks.normalised(picture, wanted)
    network = unet("unet16", wanted, 2, weights)
    encoder = keras.Model(network.input, network.get_layer("pool5").output)
    original = np.asarray(networks.backbone("vgg16", wanted, 1.0, weights)(image))
    assert original.max() > 1
    np.testing.assert_allclose(np.asarray(encoder(image)) * DEVIATION, original, atol=1e-3)
    assert np.asarray(network(image)).sum(axis=-1) == pytest.approx(1, abs=1e-5)


def test_the_smaller_one_takes_the_first_convolutions_of_each_block() -> None:
    weights = shared(VGG16)
    wanted = networks.input_of("unet11", Picture(width=64, height=32, fit="stretch"))
    network = unet("unet11", wanted, 2, weights)
    original = networks.backbone("vgg16", wanted, 1.0, weights)
    names = [layer.name for layer in original.layers if isinstance(layer, keras.layers.Conv2D)]
    for ours, place in {0: 0, 3: 2, 6: 4, 8: 5, 11: 7, 13: 8, 16: 10, 18: 11}.items():
        kernel, bias = network.get_layer(f"encoder.{ours}").get_weights()
        theirs = original.get_layer(names[place]).get_weights()
        np.testing.assert_allclose(kernel * (DEVIATION if ours == 0 else 1), theirs[0], rtol=1e-5)
        np.testing.assert_allclose(bias * DEVIATION, theirs[1], rtol=1e-5)


@pytest.mark.slow
def test_it_learns_and_is_written_with_its_channels_in_order(tmp_path: Path) -> None:
    """It reads blue first: a file with the channels mixed up would score less than was learnt."""
    drawn.masks(tmp_path / "train", range(16))
    drawn.masks(tmp_path / "dev", range(50, 54))
    names = {
        part: {"image": f"{part}/{{name}}_image.png", "mask": f"{part}/{{name}}_mask.png"}
        for part in ("train", "dev")
    }
    told = {
        "task": "segment",
        "name": "shapes",
        "out": "out",
        "network": "unet16",
        "weights": shared(VGG16),
        "frozen": "encoder.28",
        "input": {"width": 64, "height": 64, "fit": "stretch"},
        "labels": ["ground", "shape"],
        "schedule": {"epochs": 6, "batch": 4, "rate": 0.001, "average": 0.5, "every": 3},
        **names,
    }
    train(Segment.model_validate(told).under(tmp_path))
    report = json.loads((tmp_path / "out" / "shapes.report.json").read_text())
    assert report["dev"]["iou"] >= 0.65
    assert report["dev"]["iou"] == pytest.approx(report["best_score"], abs=0.002)
