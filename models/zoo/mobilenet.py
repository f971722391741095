"""MobileNets: Keras's at four widths, and Google's quantised ones for the Edge TPU."""

from models.spec import Count, Download, Input, ModelSpec
from models.zoo.labels import IMAGENET

KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/"
CORAL = "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41/"
SLIM = "(tensorflow/models, research/slim/nets/mobilenet_v1.md)"
HOWARD = "Howard et al.: MobileNets, 2017, arXiv:1704.04861"
SANDLER = "Sandler et al.: MobileNetV2, CVPR 2018, arXiv:1801.04381"


def _keras(width: str, file: str, numbers: int, accuracy: str) -> ModelSpec:
    """As keras.applications has it; grey levels / 127.5 - 1, its mode "tf"."""
    half = (127.5, 127.5, 127.5)
    published = f"{KERAS}mobilenet_{file}_224_tf.h5"
    return ModelSpec(
        name=f"mobilenet-{width}-224",
        family="mobilenet",
        task="classify",
        input=Input(224, 224, fit="stretch", mean=half, std=half),
        labels=IMAGENET,
        licence="Apache-2.0",
        source="arXiv:1704.04861, table 1",
        origin=Download(published, size_most=40_000_000),
        variant=width,
        parameters=Count(numbers, f"keras.applications.MobileNet(alpha={width}), count_params"),
        published=published,
        citation=HOWARD,
        accuracy=accuracy,
    )


def _coral(
    name: str, file: str, sha256: str, variant: str, numbers: int, accuracy: str
) -> ModelSpec:
    """Quantised while trained; its input's scale is 1/128 and its zero 128."""
    second = variant == "v2"
    middle = (128.0, 128.0, 128.0)
    size = int(name.rpartition("-")[2])
    published = f"{CORAL}{file}"
    return ModelSpec(
        name=name,
        family="mobilenet",
        task="classify",
        input=Input(size, size, fit="stretch", mean=middle, std=middle),
        labels=("background", *IMAGENET),
        licence="Apache-2.0",
        source="arXiv:1801.04381, table 2" if second else "arXiv:1704.04861, table 1",
        origin=Download(published, size_most=10_000_000, sha256=sha256),
        variant=variant,
        parameters=Count(numbers, "constants of the file's convolutions"),
        published=published,
        citation=SANDLER if second else HOWARD,
        accuracy=accuracy,
    )


MODELS = (
    _keras("1.0", "1_0", 4_253_864, "70.4 % first, 89.5 % among the first five (keras.io)"),
    _keras("0.75", "7_5", 2_601_976, "68.4 % first (the paper, table 6)"),
    _keras("0.5", "5_0", 1_342_536, "63.7 % first (the paper, table 6)"),
    _keras("0.25", "2_5", 475_544, "50.6 % first (the paper, table 6)"),
    _coral(
        "mobilenet-0.75-192",
        "mobilenet_v1_0.75_192_quant.tflite",
        "41daeb22fdcf947e0e5ec32373aa9df7c31f3ef45dbd0ef7b5940fbce3c20f6a",
        "folded-0.75",
        2_578_121,
        f"66.2 % first, 87.1 % among the first five {SLIM}",
    ),
    _coral(
        "mobilenet-0.5-160",
        "mobilenet_v1_0.5_160_quant.tflite",
        "3cc6d2ca460abd2e0f699a6d0d2550c6b61c6e3b0e27a3616e384ea74cb86f43",
        "folded-0.5",
        1_326_633,
        f"57.7 % first, 81.3 % among the first five {SLIM}",
    ),
    _coral(
        "mobilenet-0.25-128",
        "mobilenet_v1_0.25_128_quant.tflite",
        "cb273c23ee76374b05b9583177e28aa19744858a7679c56a250e83d0333da785",
        "folded-0.25",
        467_593,
        f"39.9 % first, 65.8 % among the first five {SLIM}",
    ),
    _coral(
        "mobilenet-v2-1.0-224",
        "mobilenet_v2_1.0_224_quant.tflite",
        "7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776",
        "v2",
        3_489_097,
        "70.8 % first, 89.9 % among the first five (TensorFlow Lite, hosted models)",
    ),
)
