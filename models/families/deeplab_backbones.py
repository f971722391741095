"""The two backbones of DeepLabv3+ that bonlime's Keras code has: MobileNetV2 and Xception-65.

Sandler et al., arXiv:1801.04381; Chollet, arXiv:1610.02357, as changed in Chen et al.,
arXiv:1802.02611. Names of layers and numbers are those of `model.py` in github
bonlime/keras-deeplab-v3-plus at 69a547c.
"""

import keras
from keras import layers

EPSILON = 1e-3  # of the backbones' batch norms
# t, c, n, s of arXiv:1801.04381, table 2: expansion, width, blocks, stride of the first.
MOBILENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
MIDDLE_UNITS = 16  # arXiv:1802.02611, figure 4

Pair = tuple[keras.KerasTensor, keras.KerasTensor]


def mobilenetv2(
    image: keras.KerasTensor, stride: int, alpha: float, divisor: int, *, norm: bool
) -> keras.KerasTensor:
    """(B, H, W, 3) to (B, H / stride, W / stride, 320 * alpha).

    alpha    width of the layers, as a share of the paper's
    divisor  widths are multiples of it
    norm     whether batch norms follow the convolutions; else they have a bias
    """
    value = layers.Conv2D(
        rounded(32 * alpha, divisor), 3, strides=2, padding="same", use_bias=not norm, name="Conv"
    )(image)
    value = _normed(value, "Conv_BN", EPSILON, norm=norm)
    value = layers.ReLU(6.0, name="Conv_Relu6")(value)
    block, reached, rate = 0, 2, 1
    for expansion, width, blocks, first in MOBILENET:
        for place in range(blocks):
            step, before = first if place == 0 else 1, rate
            if step > 1 and reached == stride:
                # Small enough: what would have been skipped is reached over from here on.
                step, rate = 1, rate * 2
            reached *= step
            value = _inverted(
                value,
                (expansion, rounded(width * alpha, divisor)),
                (step, before),
                f"expanded_conv_{block}_" if block else "expanded_conv_",
                norm=norm,
            )
            block += 1
    return value


def _inverted(
    image: keras.KerasTensor,
    widths: tuple[int, int],
    window: tuple[int, int],
    prefix: str,
    *,
    norm: bool,
) -> keras.KerasTensor:
    """Wide, 3 x 3 in each channel, narrow; beside the identity where size and width stay.

    widths  how many times wider it becomes, and the width that comes out
    window  stride and rate of the 3 x 3
    """
    (expansion, width), (stride, rate), value = widths, window, image
    narrow = int(image.shape[3])
    if expansion > 1:
        value = layers.Conv2D(
            expansion * narrow, 1, padding="same", use_bias=not norm, name=f"{prefix}expand"
        )(value)
        value = _normed(value, f"{prefix}expand_BN", EPSILON, norm=norm)
        value = layers.ReLU(6.0, name=f"{prefix}expand_relu")(value)
    value = layers.DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=rate,
        padding="same",
        use_bias=not norm,
        name=f"{prefix}depthwise",
    )(value)
    value = _normed(value, f"{prefix}depthwise_BN", EPSILON, norm=norm)
    value = layers.ReLU(6.0, name=f"{prefix}depthwise_relu")(value)
    value = layers.Conv2D(width, 1, padding="same", use_bias=not norm, name=f"{prefix}project")(
        value
    )
    value = _normed(value, f"{prefix}project_BN", EPSILON, norm=norm)
    if narrow == width and stride == 1:
        value = layers.Add(name=f"{prefix}add")([image, value])
    return value


def xception(image: keras.KerasTensor, stride: int) -> Pair:
    """(B, H, W, 3) to (B, H / stride, W / stride, 2048), and (B, H / 4, W / 4, 256) on the way.

    stride  16, or 8 with rates twice as large
    """
    entry, rate = (2, 1) if stride == 16 else (1, 2)
    value = layers.Conv2D(
        32, 3, strides=2, padding="same", use_bias=False, name="entry_flow_conv1_1"
    )(image)
    value = _relu(_normed(value, "entry_flow_conv1_1_BN", EPSILON), "entry_flow_conv1_1_relu")
    value = layers.Conv2D(64, 3, padding="same", use_bias=False, name="entry_flow_conv1_2")(value)
    value = _relu(_normed(value, "entry_flow_conv1_2_BN", EPSILON), "entry_flow_conv1_2_relu")
    value, _ = _block(value, (128, 128, 128), "entry_flow_block1", stride=2, skip="conv")
    value, early = _block(value, (256, 256, 256), "entry_flow_block2", stride=2, skip="conv")
    value, _ = _block(value, (728, 728, 728), "entry_flow_block3", stride=entry, skip="conv")
    for unit in range(1, MIDDLE_UNITS + 1):
        value, _ = _block(value, (728, 728, 728), f"middle_flow_unit_{unit}", rate=rate, skip="sum")
    value, _ = _block(value, (728, 1024, 1024), "exit_flow_block1", rate=rate, skip="conv")
    value, _ = _block(
        value, (1536, 1536, 2048), "exit_flow_block2", rate=2 * rate, skip="none", active=True
    )
    return value, early


def _block(
    image: keras.KerasTensor,
    widths: tuple[int, int, int],
    name: str,
    *,
    skip: str,
    stride: int = 1,
    rate: int = 1,
    active: bool = False,
) -> Pair:
    """Three separable convolutions, the last with the stride; also what the second one gives.

    skip    what they stand beside: "conv", a 1 x 1 convolution; "sum", the input; "none"
    active  whether ReLUs follow both halves of each, rather than stand before it
    """
    made = []
    value = image
    for place, width in enumerate(widths, start=1):
        value = separable(
            value,
            width,
            f"{name}_separable_conv{place}",
            EPSILON,
            stride=stride if place == 3 else 1,
            rate=rate,
            active=active,
        )
        made.append(value)
    if skip == "conv":
        image = layers.Conv2D(
            widths[2], 1, strides=stride, use_bias=False, name=f"{name}_shortcut"
        )(image)
        image = _normed(image, f"{name}_shortcut_BN", EPSILON)
    if skip != "none":
        value = layers.Add(name=f"{name}_add")([value, image])
    return value, made[1]


def separable(
    value: keras.KerasTensor,
    width: int,
    name: str,
    epsilon: float,
    *,
    stride: int = 1,
    rate: int = 1,
    active: bool = True,
) -> keras.KerasTensor:
    """3 x 3 in each channel, then 1 x 1 across, each with a batch norm.

    active  whether ReLUs follow both, rather than one stand before them
    """
    if not active:
        value = _relu(value, f"{name}_relu")
    if stride > 1:
        # The same on both sides, which is not TensorFlow's SAME.
        value = layers.ZeroPadding2D(rate, name=f"{name}_pad")(value)
    value = layers.DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=rate,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        name=f"{name}_depthwise",
    )(value)
    value = _normed(value, f"{name}_depthwise_BN", epsilon)
    if active:
        value = _relu(value, f"{name}_depthwise_relu")
    value = layers.Conv2D(width, 1, padding="same", use_bias=False, name=f"{name}_pointwise")(value)
    value = _normed(value, f"{name}_pointwise_BN", epsilon)
    return _relu(value, f"{name}_pointwise_relu") if active else value


def pointwise(
    value: keras.KerasTensor, width: int, name: str, epsilon: float, *, norm: bool
) -> keras.KerasTensor:
    """1 x 1 across the channels, its batch norm or bias, and ReLU."""
    value = layers.Conv2D(width, 1, padding="same", use_bias=not norm, name=name)(value)
    return _relu(_normed(value, f"{name}_BN", epsilon, norm=norm), f"{name}_activation")


def rounded(width: float, divisor: int) -> int:
    """The nearest multiple of `divisor` that is not under nine tenths of `width`.

    `_make_divisible` of TensorFlow's MobileNet, which cuts the width to a whole number first.
    """
    whole = int(width)
    near = max(divisor, (whole + divisor // 2) // divisor * divisor)
    return near + divisor if near < 0.9 * whole else near


def _normed(
    value: keras.KerasTensor, name: str, epsilon: float, *, norm: bool = True
) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=epsilon, name=name)(value) if norm else value


def _relu(value: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(name=name)(value)
