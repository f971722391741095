"""DeepLabv3+ of bonlime's Keras code, and of Google's Coral."""

from models.spec import Count, Download, Input, ModelSpec

VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
"""The classes of Pascal VOC 2012, in its order."""

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
"""Those on which Cityscapes is scored, in the order of their `trainId`."""

HALF = (127.5, 127.5, 127.5)  # grey levels: as mean and deviation they bring 0..255 to -1..1
ZERO = (128.0, 128.0, 128.0)  # the zero point of the Coral files' own input; their scale is 1/128
GREY = 127  # what TensorFlow pads with, nearest to 0 once normalised; bonlime pads with that 0
RELEASES = "https://github.com/bonlime/keras-deeplab-v3-plus/releases/download/"
FILE = "_tf_dim_ordering_tf_kernels"
COUNTED = "count_params() of model.py, github bonlime/keras-deeplab-v3-plus at 69a547c"
CORAL = "https://github.com/google-coral/test_data/raw/104342d2d3480b3e66203073dac24f4e2dbb4c41/"
PAPER = "arXiv:1802.02611, DeepLabv3+"
CITATION = (
    "Chen, Zhu, Papandreou, Schroff, Adam: Encoder-Decoder with Atrous Separable Convolution for "
    "Semantic Image Segmentation, ECCV 2018"
)
ZOO_PAGE = "TensorFlow's DeepLab model zoo"
ACCURACY = {
    ("mobilenetv2", "voc"): "mIoU 80.25 % on VOC 2012 test, stride 8, six scales and mirrored; ",
    ("xception", "voc"): "mIoU 87.80 % on VOC 2012 test, stride 8, six scales and mirrored; ",
    ("mobilenetv2", "cityscapes"): "mIoU 70.71 % on Cityscapes val, stride 16, one scale; ",
    ("xception", "cityscapes"): "mIoU 78.79 % on Cityscapes val, stride 16, one scale; ",
}
"""Of TensorFlow's checkpoints. bonlime's files for VOC were made from these (`extract_weights.py`);
for Cityscapes the original does not say."""

NUMBERS = {
    ("mobilenetv2", "voc"): 2_146_645,
    ("mobilenetv2", "cityscapes"): 2_146_131,
    ("xception", "voc"): 41_258_213,
    ("xception", "cityscapes"): 41_257_699,
}


def _bonlime(backbone: str, data: str, stride: int = 0) -> ModelSpec:
    """One of the four published files. With Xception, the stride is the user's choice: 16 or 8."""
    release, ending = ("1.1", "") if data == "voc" else ("1.2", "_cityscapes")
    name = f"deeplab-{backbone}-{data}"
    return ModelSpec(
        name=f"{name}-os8" if stride == 8 else name,
        family="deeplab",
        task="segment",
        input=Input(512, 512, order="rgb", fit="corner", mean=HALF, std=HALF, pad=GREY),
        labels=VOC if data == "voc" else CITYSCAPES,
        licence="MIT",
        source=f"{PAPER}; github bonlime/keras-deeplab-v3-plus",
        origin=Download(
            f"{RELEASES}{release}/deeplabv3_{backbone}{FILE}{ending}.h5",
            # 4 bytes a number, and what HDF5 takes for some hundred groups.
            size_most=(200 if backbone == "xception" else 16) << 20,
        ),
        variant=f"{backbone}-{stride}" if stride else backbone,
        parameters=Count(NUMBERS[backbone, data], COUNTED),
        published=f"{RELEASES}{release}/",
        citation=CITATION,
        accuracy=ACCURACY[backbone, data] + ZOO_PAGE,
    )


def _coral(
    name: str, file: str, sha256: str, variant: str, numbers: int, measured: str
) -> ModelSpec:
    """Quantised MobileNetV2 with a stride of 16, brought back to float32."""
    return ModelSpec(
        name=name,
        family="deeplab",
        task="segment",
        input=Input(513, 513, order="rgb", fit="corner", mean=ZERO, std=ZERO, pad=GREY),
        labels=VOC,
        licence="Apache-2.0",
        source=f"{PAPER}; github google-coral/test_data",
        origin=Download(CORAL + file, size_most=4 << 20, sha256=sha256),
        variant=variant,
        parameters=Count(numbers, "the kernels and biases of the file, batch norms folded"),
        published=CORAL + file,
        citation=CITATION,
        accuracy=f"none published; here {measured} on 50 photos of COCO, in VOC's classes",
    )


MODELS = (
    _bonlime("mobilenetv2", "voc"),
    _bonlime("mobilenetv2", "cityscapes"),
    _bonlime("xception", "voc", 16),
    _bonlime("xception", "voc", 8),
    _bonlime("xception", "cityscapes", 16),
    _bonlime("xception", "cityscapes", 8),
    _coral(
        "deeplab-coral-voc",
        "deeplabv3_mnv2_pascal_quant.tflite",
        "350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398",
        "mobilenetv2-tflite",
        2_097_013,
        "pixel accuracy .890 and mIoU .471",
    ),
    _coral(
        "deeplab-coral-half-voc",
        "deeplabv3_mnv2_dm05_pascal_quant.tflite",
        "0470d2a782aa54eeeb99d32e7b6b3fb7722905c7c4f5d26bd957ec861366d48b",
        "mobilenetv2-half-width-tflite",
        688_357,
        "pixel accuracy .868 and mIoU .391",
    ),
)
