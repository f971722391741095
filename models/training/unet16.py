"""TernausNet-16 as it is trained here: a U-Net on VGG16, for surgical instruments and the like."""

from pathlib import Path
from typing import cast

import keras
from keras import layers

from models.families import ternaus_unet
from models.spec import Input
from models.training import networks

# Deviation of ImageNet's pixels, of 0..255 (torchvision's 0.225). The original's encoder learnt
# from pictures divided by it, Keras's VGG16 did not: its features are so large that a decoder that
# begins at random learns nothing from them.
DEVIATION = 57.0


def unet16(wanted: Input, classes: int, weights: Path | None) -> keras.Model:
    """(B, H, W, 3) normalised to (B, H, W, classes), a probability for each class.

    The network of arXiv:1801.05746, whose encoder is VGG16's thirteen convolutions one by one. Two
    classes have two outputs here, where the original has one logit.

    weights  a file of VGG16's convolutions; None leaves them random
    raises   BadWeights if the file is not of that network
    """
    image = cast("keras.KerasTensor", layers.Input((wanted.height, wanted.width, 3), name="image"))
    logits = ternaus_unet.build(image, classes, ternaus_unet.UNET16)
    network = keras.Model(image, layers.Softmax(name="softmax")(logits), name="unet16")
    if weights is not None:
        body = networks.backbone("vgg16", wanted, 1.0, weights)
        known = [layer for layer in body.layers if isinstance(layer, layers.Conv2D)]
        numbers = [number for level in ternaus_unet.UNET16.encoder for number, _ in level]
        for place, (number, layer) in enumerate(zip(numbers, known, strict=True)):
            kernel, bias = layer.get_weights()
            # As every layer is linear up to a ReLU, this divides all that the encoder gives.
            kernel = kernel / DEVIATION if place == 0 else kernel
            network.get_layer(f"encoder.{number}").set_weights([kernel, bias / DEVIATION])
    return network
