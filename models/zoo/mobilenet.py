"""MobileNets: Keras's at four widths, and Google's quantised ones for the Edge TPU."""

from models.spec import Count, Input, ModelSpec
from models.zoo.labels import IMAGENET

KERAS = "https://github.com/fchollet/deep-learning-models/releases/download/v0.6/"
CORAL = "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41/"
HOWARD = "Howard et al.: MobileNets, 2017, arXiv:1704.04861"
SANDLER = "Sandler et al.: MobileNetV2, CVPR 2018, arXiv:1801.04381"


def _keras(width: str, file: str, numbers: int, accuracy: str) -> ModelSpec:
    """As keras.applications has it; grey levels / 127.5 - 1, its mode "tf"."""
    half = (127.5, 127.5, 127.5)
    return ModelSpec(
        name=f"mobilenet-{width}-224",
        family="mobilenet",
        task="classify",
        input=Input(224, 224, fit="stretch", mean=half, std=half),
        labels=IMAGENET,
        licence="Apache-2.0",
        source="arXiv:1704.04861, table 1",
        origin=None,
        variant=width,
        parameters=Count(numbers, f"keras.applications.MobileNet(alpha={width}), count_params"),
        published=f"{KERAS}mobilenet_{file}_224_tf.h5",
        citation=HOWARD,
        accuracy=accuracy,
    )


def _coral(name: str, file: str, size: int, variant: str, numbers: int) -> ModelSpec:
    """Quantised while trained; its input's scale is 1/128 and its zero 128."""
    second = variant == "v2"
    middle = (128.0, 128.0, 128.0)
    return ModelSpec(
        name=name,
        family="mobilenet",
        task="classify",
        input=Input(size, size, fit="stretch", mean=middle, std=middle),
        labels=("background", *IMAGENET),
        licence="Apache-2.0",
        source="arXiv:1801.04381, table 2" if second else "arXiv:1704.04861, table 1",
        origin=None,
        variant=variant,
        parameters=Count(numbers, "constants of the file's convolutions"),
        published=f"{CORAL}{file}",
        citation=SANDLER if second else HOWARD,
    )


# Accuracy: first and first five of ImageNet's validation, README of TensorFlow's mobilenet_v1.
MODELS = (
    _keras("1.0", "1_0", 4_253_864, "70.4 % first, 89.5 % among the first five (keras.io)"),
    _keras("0.75", "7_5", 2_601_976, "68.4 % first (the paper, table 6)"),
    _keras("0.5", "5_0", 1_342_536, "63.7 % first (the paper, table 6)"),
    _keras("0.25", "2_5", 475_544, "50.6 % first (the paper, table 6)"),
    _coral(
        "mobilenet-0.75-192", "mobilenet_v1_0.75_192_quant.tflite", 192, "folded-0.75", 2_578_121
    ),
    _coral("mobilenet-0.5-160", "mobilenet_v1_0.5_160_quant.tflite", 160, "folded-0.5", 1_326_633),
    _coral("mobilenet-0.25-128", "mobilenet_v1_0.25_128_quant.tflite", 128, "folded-0.25", 467_593),
    _coral("mobilenet-v2-1.0-224", "mobilenet_v2_1.0_224_quant.tflite", 224, "v2", 3_489_097),
)
