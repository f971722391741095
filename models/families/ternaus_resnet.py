"""LinkNet34 and AlbuNet34: surgical instruments with a ResNet-34 as encoder.

Chaurasia and Culurciello, arXiv:1707.03718; Shvets et al., arXiv:1803.01207. Layers have the names
of `models.py` in github ternaus/robot-surgery-segmentation at 1d18157, and the numbers are from
there; the encoder is torchvision's `resnet34`.
"""

import keras
from keras import layers

from models.families.ternaus_unet import FILTERS, convolution

EPSILON = 1e-5  # torch.nn.BatchNorm2d
# Blocks and channels of the four stages: He et al., arXiv:1512.03385, table 1.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))


def linknet(image: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """From (B, H, W, 3) to the logits (B, H, W, classes); H and W are multiples of 32."""
    value = _stem(image, "firstconv", "firstbn")
    # PyTorch pads a pool with minus infinity; behind a ReLU zeros do the same.
    value = layers.ZeroPadding2D(1, name="firstmaxpool.pad")(value)
    value = layers.MaxPooling2D(3, 2, name="firstmaxpool")(value)
    levels = _encoder(value, ("encoder1", "encoder2", "encoder3", "encoder4"))
    value = levels.pop()
    for number in (4, 3, 2):
        value = _decoder(value, int(levels[-1].shape[3]), f"decoder{number}")
        value = layers.Add(name=f"skip{number}")([value, levels.pop()])
    value = _decoder(value, STAGES[0][1], "decoder1")
    value = layers.Conv2DTranspose(32, 3, strides=2, activation="relu", name="finaldeconv1")(value)
    value = layers.Conv2D(32, 3, activation="relu", name="finalconv2")(value)
    # 2H + 1 pixels, 2H - 1, and with a padding of 1 under a 2 x 2 kernel 2H.
    value = layers.ZeroPadding2D(1, name="finalconv3.pad")(value)
    return layers.Conv2D(classes, 2, name="finalconv3")(value)


def albunet(image: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """From (B, H, W, 3) to the logits (B, H, W, classes); H and W are multiples of 64."""
    value = _stem(image, "encoder.conv1", "encoder.bn1")
    value = layers.MaxPooling2D(2, name="pool1")(value)
    levels = _encoder(value, tuple(f"encoder.layer{i}" for i in (1, 2, 3, 4)))
    value = layers.MaxPooling2D(2, name="pool5")(levels[-1])
    for name, middle, width in (
        ("center", 512, 256),
        ("dec5", 512, 256),
        ("dec4", 512, 256),
        ("dec3", 256, 64),
        ("dec2", 128, 128),
        ("dec1", 128, FILTERS),
    ):
        if name not in {"center", "dec1"}:
            value = layers.Concatenate(name=f"{name}.skip")([value, levels.pop()])
        value = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}.block.0")(value)
        value = convolution(value, middle, f"{name}.block.1.conv")
        value = convolution(value, width, f"{name}.block.2.conv")
    value = convolution(value, FILTERS, "dec0.conv")
    return layers.Conv2D(classes, 1, name="final")(value)


ALBUNET_ALIASES = {
    "conv1.0": "encoder.conv1",
    "conv1.1": "encoder.bn1",
    **{f"conv{i + 1}": f"encoder.layer{i}" for i in (1, 2, 3, 4)},
}
"""Modules that AlbuNet's state dict holds a second time, and all within them."""


def _stem(image: keras.KerasTensor, conv: str, norm: str) -> keras.KerasTensor:
    """7 x 7, stride 2, padding 3 on all sides: not TensorFlow's SAME."""
    value = layers.ZeroPadding2D(3, name=f"{conv}.pad")(image)
    value = layers.Conv2D(64, 7, strides=2, use_bias=False, name=conv)(value)
    return _norm(value, norm, active=True)


def _encoder(value: keras.KerasTensor, names: tuple[str, ...]) -> list[keras.KerasTensor]:
    """The four stages; the first keeps the size, each of the others halves it."""
    levels = []
    for name, (blocks, width) in zip(names, STAGES, strict=True):
        for block in range(blocks):
            halve = block == 0 and width != STAGES[0][1]
            value = _basic_block(value, width, 2 if halve else 1, f"{name}.{block}")
        levels.append(value)
    return levels


def _basic_block(image: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    """Two 3 x 3 convolutions beside the identity, or beside a 1 x 1 one where the size changes."""
    value = image
    if stride > 1:
        value = layers.ZeroPadding2D(1, name=f"{name}.conv1.pad")(value)
    value = layers.Conv2D(
        width,
        3,
        strides=stride,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        name=f"{name}.conv1",
    )(value)
    value = _norm(value, f"{name}.bn1", active=True)
    value = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}.conv2")(value)
    value = _norm(value, f"{name}.bn2", active=False)
    if stride > 1:
        image = layers.Conv2D(
            width, 1, strides=stride, use_bias=False, name=f"{name}.downsample.0"
        )(image)
        image = _norm(image, f"{name}.downsample.1", active=False)
    value = layers.Add(name=f"{name}.add")([value, image])
    return layers.ReLU(name=f"{name}.relu")(value)


def _decoder(value: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    """A quarter of the channels, twice the size, `width` channels."""
    quarter = int(value.shape[3]) // 4
    value = layers.Conv2D(quarter, 1, name=f"{name}.conv1")(value)
    value = _norm(value, f"{name}.norm1", active=True)
    value = layers.Conv2DTranspose(quarter, 4, strides=2, padding="same", name=f"{name}.deconv2")(
        value
    )
    value = _norm(value, f"{name}.norm2", active=True)
    value = layers.Conv2D(width, 1, name=f"{name}.conv3")(value)
    return _norm(value, f"{name}.norm3", active=True)


def _norm(value: keras.KerasTensor, name: str, *, active: bool) -> keras.KerasTensor:
    value = layers.BatchNormalization(epsilon=EPSILON, name=name)(value)
    return layers.ReLU(name=f"{name}.relu")(value) if active else value
