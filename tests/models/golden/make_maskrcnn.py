"""Writes maskrcnn.npz: what Matterport's own code says, filled by the seeded recipe.

Not a test, and nothing of the project is run but the recipe (tests/models/maskrcnn_file.py). The
network is built, filled, saved and run by `mrcnn/` of github.com/leekunhee/Mask_RCNN, commit
111ab9c (MIT): Matterport's Mask_RCNN 2.1 with the names that TensorFlow 2 gave to the same
functions. In an environment of its own, FOLDER being where that repository lies:

    python -m venv golden
    golden/bin/pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0 h5py scikit-image
    TF_USE_LEGACY_KERAS=1 PYTHONPATH=.:FOLDER golden/bin/python tests/models/golden/make_maskrcnn.py

README.md says what each array holds.
"""

import tempfile
from pathlib import Path

import numpy as np
import tf_keras
from mrcnn import model as original
from mrcnn.config import Config

from tests.models.maskrcnn_file import (
    CLASSES,
    SIZE,
    WINDOW,
    digest,
    draw_tensor,
    picture,
)

LEVELS = ("fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5")
PICTURES = 2
SAMPLES = 150  # of each level
UNSURE = 0.65  # below the threshold of 0.7 by more than rounding can make


class Coco(Config):
    NAME = "coco"
    IMAGES_PER_GPU = 1
    NUM_CLASSES = CLASSES
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIZE


def build() -> original.MaskRCNN:
    network = original.MaskRCNN(mode="inference", config=Coco(), model_dir=tempfile.mkdtemp())
    weights = network.keras_model.weights
    values = [draw_tensor(w.name.removesuffix(":0"), tuple(w.shape)) for w in weights]
    tf_keras.backend.batch_set_value(list(zip(weights, values, strict=True)))
    return network


def saved(network: original.MaskRCNN) -> Path:
    """The file that the original writes."""
    path = Path(tempfile.mkdtemp()) / "mask_rcnn.h5"
    network.keras_model.save_weights(path)
    return path


def say(
    network: original.MaskRCNN, image: np.ndarray, window: tuple[int, int, int, int]
) -> dict[str, np.ndarray]:
    """All outputs for one picture by name, without the axis of the batch."""
    model = network.keras_model
    names = ["detections", "class", "deltas", "masks", "rois", "rpn_class", "rpn_bbox", *LEVELS]
    levels = [model.get_layer(level).output for level in LEVELS]
    feeds = [
        original.mold_image(image.astype(np.float32), network.config)[np.newaxis],
        original.compose_image_meta(0, image.shape, image.shape, window, 1, np.zeros(CLASSES))[
            np.newaxis
        ],
        network.get_anchors(image.shape)[np.newaxis],
    ]
    made = tf_keras.Model(model.inputs, [*model.outputs, *levels]).predict(feeds, verbose=0)
    return {name: value[0] for name, value in zip(names, made, strict=True)}


def cut(boxes: np.ndarray, cells: int) -> np.ndarray:
    """Whether the last row or column of a box's crop is black, by an accident of rounding.

    TensorFlow's crop_and_resize gives 0 where a sample is outside of the picture. That of a box on
    the edge is so by the last bit of a float32, for one box in ten or fifteen.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9)
    level = np.round(np.log2(np.sqrt(sides.prod(axis=1)) / (224 / SIZE)))
    last = (SIZE / 2 ** (4 + np.clip(level, -2, 1)) - 1).astype(np.float32)[:, np.newaxis]
    step = sides * last / np.float32(cells - 1)
    return (boxes[:, :2] * last + np.float32(cells - 1) * step > last).any(axis=1)


def instances(said: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What was found, (N, 6), and each one's own mask, (N, 28, 28).

    Empty boxes are dropped by the original, too, but outside of the network.
    """
    every = said["detections"]
    real = np.flatnonzero((every[:, 4] > 0) & (every[:, 2:4] > every[:, :2]).all(axis=1))
    return every[real], said["masks"][real, :, :, every[real, 4].astype(int)]


def strided(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1)[:: values.size // SAMPLES]


def main() -> None:
    network = build()
    arrays: dict[str, np.ndarray] = {
        "digest": np.array(digest(saved(network))),
        "parameters": np.array(network.keras_model.count_params()),
        "anchors": network.get_anchors((SIZE, SIZE, 3))[::397],
    }
    kept: list[int] = []
    seed = 0
    while len(kept) < PICTURES:
        seed += 1
        said = say(network, picture(seed), (0, 0, SIZE, SIZE))
        found, masks = instances(said)
        rois = said["rois"][said["rois"].any(axis=1)]
        chances = said["class"][: len(rois)]
        whole = ~cut(rois, 7)
        sure = (chances.argmax(axis=1) > 0) & (chances.max(axis=1) >= UNSURE)
        fine = whole[sure].all() and not cut(found[:, :4], 14).any()
        framed, framed_masks = instances(say(network, picture(seed), WINDOW))
        fine = fine and not cut(framed[:, :4], 14).any()
        print(f"{seed}: {len(rois)} regions, {(~whole).sum()} cut, {len(found)} found, {fine}")
        if not fine:
            continue
        number = len(kept)
        kept.append(seed)
        sample = np.flatnonzero(whole)[::9]
        arrays |= {f"{level}_{number}": strided(said[level]) for level in LEVELS}
        arrays |= {
            f"rpn_{number}": np.hstack([said["rpn_class"], said["rpn_bbox"]])[::397],
            f"regions_{number}": np.array(len(rois)),
            f"sample_{number}": sample,
            f"rois_{number}": rois[sample],
            f"class_{number}": chances[sample, ::9],
            f"deltas_{number}": said["deltas"][sample, ::20],
            f"found_{number}": found,
            f"masks_{number}": masks.reshape(len(masks), -1)[:, ::29],
            f"framed_{number}": framed,
            f"framed_masks_{number}": framed_masks.reshape(len(framed), -1)[:, ::29],
        }
    arrays["seeds"] = np.array(kept)
    np.savez_compressed(Path(__file__).parent / "maskrcnn.npz", **arrays)


if __name__ == "__main__":
    main()
