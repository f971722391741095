"""TernausNet: a U-Net whose encoder is a VGG, for surgical instruments.

Iglovikov and Shvets, arXiv:1801.05746; Shvets et al., arXiv:1803.01207. Widths are those of
`models.py` in github ternaus/robot-surgery-segmentation at 1d18157; layers have its names.
"""

from dataclasses import dataclass

import keras
from keras import layers

FILTERS = 32  # num_filters


@dataclass(frozen=True, slots=True)
class Widths:
    """Of one network.

    encoder  five levels, and in each the number in torchvision's `features` and the width of each
             convolution
    decoder  for center, dec5, dec4, dec3, dec2: the widths of the convolution and of what makes it
             twice as large
    """

    encoder: tuple[tuple[tuple[int, int], ...], ...]
    decoder: tuple[tuple[int, int], ...]


UNET11 = Widths(
    encoder=(
        ((0, 64),),
        ((3, 128),),
        ((6, 256), (8, 256)),
        ((11, 512), (13, 512)),
        ((16, 512), (18, 512)),
    ),
    decoder=((512, 256), (512, 256), (512, 128), (256, 64), (128, FILTERS)),
)
UNET16 = Widths(
    encoder=(
        ((0, 64), (2, 64)),
        ((5, 128), (7, 128)),
        ((10, 256), (12, 256), (14, 256)),
        ((17, 512), (19, 512), (21, 512)),
        ((24, 512), (26, 512), (28, 512)),
    ),
    decoder=((512, 256), (512, 256), (512, 256), (256, 64), (128, FILTERS)),
)


def build(image: keras.KerasTensor, classes: int, widths: Widths) -> keras.KerasTensor:
    """From (B, H, W, 3) to the logits (B, H, W, classes); H and W are multiples of 32."""
    value, levels = image, []
    for level, stack in enumerate(widths.encoder, start=1):
        for number, width in stack:
            value = convolution(value, width, f"encoder.{number}")
        levels.append(value)
        value = layers.MaxPooling2D(2, name=f"pool{level}")(value)
    for name, (middle, width) in zip(
        ("center", "dec5", "dec4", "dec3", "dec2"), widths.decoder, strict=True
    ):
        value = convolution(value, middle, f"{name}.block.0.conv")
        value = layers.Conv2DTranspose(
            width, 4, strides=2, padding="same", activation="relu", name=f"{name}.block.1"
        )(value)
        value = layers.Concatenate(name=f"{name}.skip")([value, levels.pop()])
    value = convolution(value, FILTERS, "dec1.conv")
    return layers.Conv2D(classes, 1, name="final")(value)


def convolution(value: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    """3 x 3 and ReLU; the size stays."""
    return layers.Conv2D(width, 3, padding="same", activation="relu", name=name)(value)


def aliases(widths: Widths) -> dict[str, str]:
    """Modules that the original's state dict holds a second time: the first name by the second.

    `convK` of the original is a sequence of the encoder's convolutions and ReLUs.
    """
    return {
        f"conv{level}.{2 * place}": f"encoder.{number}"
        for level, stack in enumerate(widths.encoder, start=1)
        for place, (number, _) in enumerate(stack)
    }
