"""The three networks of Mask R-CNN, with the layer names of Matterport's implementation.

Its files are read by those names (`mrcnn/model.py`, Matterport's Mask_RCNN 2.1): `resnet_graph`,
`rpn_graph`, `fpn_classifier_graph`, `build_fpn_mask_graph`. What stands between the networks
(proposals, crops, suppression) is no Keras layer here but written straight into the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import keras
from keras import layers

STRIDES = (4, 8, 16, 32, 64)
"""Pixels from one cell to the next, of the levels P2 to P6 (Config.BACKBONE_STRIDES)."""

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
"""Residual blocks of the stages 2 to 5 (He et al., arXiv:1512.03385, table 1)."""

EPSILON = 1e-3  # of every batch norm: Keras 2's default, which the original leaves as it is
DEPTH = 256  # channels of every level (Config.TOP_DOWN_PYRAMID_SIZE)
HIDDEN = 1024  # of the classifier (Config.FPN_CLASSIF_FC_LAYERS_SIZE)
ANCHORS_A_CELL = 3  # one for each of Config.RPN_ANCHOR_RATIOS
BOX_CROP, MASK_CROP = 7, 14  # cells a side (Config.POOL_SIZE, MASK_POOL_SIZE)
MASK = 2 * MASK_CROP  # cells a side of a mask that comes out (Config.MASK_SHAPE)


@dataclass(frozen=True, slots=True)
class Networks:
    """The parts, each a functional network.

    trunk       (B, height, width, 3) -> the levels P2 to P5, (B, h, w, 256) each; of all anchors,
                level after level, how likely each is nothing or something, (B, A, 2), and how its
                box is to be moved, (B, A, 4)
    classifier  (N, 7, 7, 256) -> how likely each class is, (N, C), the first is nothing; how the
                box is to be moved if it is that class, (N, C, 4)
    masks       (N, 14, 14, 256) -> for each class, how likely each cell of the box is part of the
                thing, (N, 28, 28, C)
    """

    trunk: keras.Model
    classifier: keras.Model
    masks: keras.Model

    def joined(self) -> keras.Model:
        """All three side by side, with every variable."""
        parts = (self.trunk, self.classifier, self.masks)
        return keras.Model(
            [tensor for part in parts for tensor in part.inputs],
            [tensor for part in parts for tensor in part.outputs],
            name="mask_rcnn",
        )


def networks(height: int, width: int, classes: int, variant: str) -> Networks:
    """Build the parts.

    height, width  of the picture in pixels, multiples of 64, so that levels fit each other
    classes        how many, with nothing as the first
    variant        "resnet101" or "resnet50"
    """
    return Networks(
        _trunk(height, width, BLOCKS[variant]), _classifier(classes), _mask_head(classes)
    )


def _trunk(height: int, width: int, blocks: Sequence[int]) -> keras.Model:
    image = layers.Input((height, width, 3), name="input_image")
    assert isinstance(image, keras.KerasTensor)  # for type checkers: Keras promises a list as well
    levels = _pyramid(_resnet(image, blocks))
    logits, deltas = _proposals([*levels, _subsampled(levels[-1])])
    chances = layers.Softmax(name="rpn_class")(logits)
    return keras.Model(image, [*levels, chances, deltas], name="trunk")


def _resnet(image: keras.KerasTensor, blocks: Sequence[int]) -> list[keras.KerasTensor]:
    """The outputs of the stages 2 to 5."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1")(x)
    x = layers.ReLU(name="conv1_relu")(_normal("bn_conv1")(x))
    x = layers.MaxPooling2D(3, 2, padding="same", name="pool1")(x)
    stages = []
    for stage, count in enumerate(blocks, 2):
        for letter in ascii_lowercase[:count]:
            # Stage 2 comes after a pooling that has halved the picture already.
            x = _block(x, f"{stage}{letter}", stage, 1 if letter > "a" or stage == 2 else 2)
        stages.append(x)
    return stages


def _block(x: keras.KerasTensor, name: str, stage: int, stride: int) -> keras.KerasTensor:
    """A bottleneck; the first of a stage has a convolution on its way past, and the stride."""
    width = 64 * 2 ** (stage - 2)
    past = x
    for branch, filters, size, step in (
        ("2a", width, 1, stride),
        ("2b", width, 3, 1),
        ("2c", 4 * width, 1, 1),
    ):
        conv = f"res{name}_branch{branch}"
        x = layers.Conv2D(filters, size, strides=step, padding="same", name=conv)(x)
        x = _normal(f"bn{name}_branch{branch}")(x)
        if branch != "2c":
            x = layers.ReLU(name=f"{conv}_relu")(x)
    if name.endswith("a"):
        past = layers.Conv2D(4 * width, 1, strides=stride, name=f"res{name}_branch1")(past)
        past = _normal(f"bn{name}_branch1")(past)
    return layers.ReLU(name=f"res{name}_out")(layers.Add(name=f"res{name}_add")([x, past]))


def _pyramid(stages: Sequence[keras.KerasTensor]) -> list[keras.KerasTensor]:
    """P2 to P5: each stage, with what the coarser ones know added to it."""
    above = layers.Conv2D(DEPTH, 1, name="fpn_c5p5")(stages[-1])
    sums = [above]
    for level in (4, 3, 2):
        side = layers.Conv2D(DEPTH, 1, name=f"fpn_c{level}p{level}")(stages[level - 2])
        larger = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(above)
        above = layers.Add(name=f"fpn_p{level}add")([larger, side])
        sums.append(above)
    return [
        layers.Conv2D(DEPTH, 3, padding="same", name=f"fpn_p{level}")(total)
        for level, total in enumerate(reversed(sums), 2)
    ]


def _subsampled(level: keras.KerasTensor) -> keras.KerasTensor:
    """P6, every second cell of P5, which only the proposals look at."""
    return layers.MaxPooling2D(1, 2, name="fpn_p6")(level)


def _proposals(
    levels: Sequence[keras.KerasTensor],
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The same three convolutions on every level: (B, A, 2) and (B, A, 4)."""
    shared = layers.Conv2D(512, 3, padding="same", activation="relu", name="rpn_conv_shared")
    heads = {
        2: layers.Conv2D(2 * ANCHORS_A_CELL, 1, name="rpn_class_raw"),
        4: layers.Conv2D(4 * ANCHORS_A_CELL, 1, name="rpn_bbox_pred"),
    }
    made: dict[int, list[keras.KerasTensor]] = {2: [], 4: []}
    for number, level in enumerate(levels, 2):
        x = shared(level)
        for size, head in heads.items():
            rows = layers.Reshape((-1, size), name=f"{head.name}_p{number}")
            made[size].append(rows(head(x)))
    logits, deltas = (
        layers.Concatenate(axis=1, name=name)(made[size])
        for size, name in ((2, "rpn_class_logits"), (4, "rpn_bbox"))
    )
    return logits, deltas


def _classifier(classes: int) -> keras.Model:
    """Where the original convolves a crop by a kernel of its own size, here it is multiplied.

    It is the same sum, and a runtime then multiplies all crops at once, not one after the other.
    """
    crop = layers.Input((BOX_CROP, BOX_CROP, DEPTH), name="roi_align_classifier")
    x = layers.Flatten(name="mrcnn_class_flat")(crop)
    for number in (1, 2):
        x = layers.Dense(HIDDEN, name=f"mrcnn_class_conv{number}")(x)
        x = layers.ReLU(name=f"mrcnn_class_relu{number}")(_normal(f"mrcnn_class_bn{number}")(x))
    chances = layers.Dense(classes, activation="softmax", name="mrcnn_class_logits")(x)
    deltas = layers.Dense(4 * classes, name="mrcnn_bbox_fc")(x)
    deltas = layers.Reshape((classes, 4), name="mrcnn_bbox")(deltas)
    return keras.Model(crop, [chances, deltas], name="classifier")


def _mask_head(classes: int) -> keras.Model:
    crop = x = layers.Input((MASK_CROP, MASK_CROP, DEPTH), name="roi_align_mask")
    for number in (1, 2, 3, 4):
        x = layers.Conv2D(DEPTH, 3, padding="same", name=f"mrcnn_mask_conv{number}")(x)
        x = layers.ReLU(name=f"mrcnn_mask_relu{number}")(_normal(f"mrcnn_mask_bn{number}")(x))
    x = layers.Conv2DTranspose(DEPTH, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")(x)
    x = layers.Conv2D(classes, 1, activation="sigmoid", name="mrcnn_mask")(x)
    return keras.Model(crop, x, name="masks")


def _normal(name: str) -> keras.Layer:
    return layers.BatchNormalization(epsilon=EPSILON, name=name)
