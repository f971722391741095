"""TernausNet as it is trained here: a U-Net on a VGG, for surgical instruments and the like."""

from pathlib import Path
from typing import Literal, cast

import keras
from keras import layers

from models.families import ternaus_unet
from models.spec import Input
from models.training import networks

Unet = Literal["unet11", "unet16"]
WIDTHS = {"unet11": ternaus_unet.UNET11, "unet16": ternaus_unet.UNET16}

# Deviation of ImageNet's pixels, of 0..255 (torchvision's 0.225). The original's encoder learnt
# from pictures divided by it, Keras's VGG16 did not: its features are so large that a decoder that
# begins at random learns nothing from them.
DEVIATION = 57.0
BLOCKS = (2, 2, 3, 3, 3)  # convolutions of VGG16: arXiv:1409.1556, table 1, column D


def unet(name: Unet, wanted: Input, classes: int, weights: Path | None) -> keras.Model:
    """(B, H, W, 3) normalised to (B, H, W, classes), a probability for each class.

    The networks of arXiv:1801.05746. The encoder of `unet16` is the thirteen convolutions of VGG16
    one by one; that of `unet11` is VGG11, whose eight take the first of each of its blocks. Two
    classes have two outputs here, where the original has one logit.

    weights  a file of VGG16's convolutions; None leaves them random
    raises   BadWeights if the file is not of that network
    """
    widths = WIDTHS[name]
    image = cast("keras.KerasTensor", layers.Input((wanted.height, wanted.width, 3), name="image"))
    logits = ternaus_unet.build(image, classes, widths)
    network = keras.Model(image, layers.Softmax(name="softmax")(logits), name=name)
    if weights is not None:
        body = networks.backbone("vgg16", wanted, 1.0, weights)
        known = iter([layer for layer in body.layers if isinstance(layer, layers.Conv2D)])
        for level, count in zip(widths.encoder, BLOCKS, strict=True):
            block = [next(known) for _ in range(count)]
            for (number, _), layer in zip(level, block, strict=False):
                kernel, bias = layer.get_weights()
                # As every layer is linear up to a ReLU, this divides all that the encoder gives.
                kernel = kernel / DEVIATION if number == 0 else kernel
                network.get_layer(f"encoder.{number}").set_weights([kernel, bias / DEVIATION])
    return network
