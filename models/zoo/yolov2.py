"""YOLOv2, as its authors published it."""

from dataclasses import dataclass

from models.spec import Count, Download, Input, ModelSpec
from models.zoo.labels import read

VOC, COCO = read("voc"), read("darknet_coco")

# In cells of 32 pixels: cfg/yolov2.cfg, yolov2-voc.cfg and yolov2-tiny-voc.cfg of
# github.com/pjreddie/darknet at f6afaab. yolov2-tiny.cfg has those of yolov2.cfg.
OF_COCO = (
    (0.57273, 0.677385),
    (1.87446, 2.06253),
    (3.33843, 5.47434),
    (7.88282, 3.52778),
    (9.77052, 9.16828),
)
OF_VOC = (
    (1.3221, 1.73145),
    (3.19275, 4.00944),
    (5.05587, 8.09892),
    (9.47112, 4.84053),
    (11.2364, 10.0071),
)
OF_TINY_VOC = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))

HALF = (127.5, 127.5, 127.5)  # grey levels: as mean and deviation they bring 0..255 to -1..1

# darknet divides by 255 and pads a letterbox with 0.5 (`letterbox_image` in src/image.c): that lies
# between the grey levels 127 and 128.
DARKNET_INPUT = Input(416, 416, order="rgb", fit="letterbox", pad=127)

SOURCE = "arXiv:1612.08242, YOLO9000; github.com/pjreddie/darknet at f6afaab, cfg/{}.cfg"
CITATION = "Redmon and Farhadi, YOLO9000: Better, Faster, Stronger, CVPR 2017"
LICENCE = "YOLO-License-2.0"  # darknet's LICENSE: "Darknet is public domain"


@dataclass(frozen=True, slots=True)
class Weights:
    """A `.weights` file: `length` and `head` in bytes, and who says so; nobody says a checksum."""

    file: str
    length: int
    head: int
    said: str

    def numbers(self) -> Count:
        """All that stands behind the head is float32."""
        told = f"{self.file}.weights, {self.length} bytes with a head of {self.head}: {self.said}"
        return Count((self.length - self.head) // 4, told)


def _darknet(
    name: str,
    variant: str,
    anchors: tuple[tuple[float, float], ...],
    weights: Weights,
    accuracy: str,
) -> ModelSpec:
    """One of darknet's own."""
    published = f"https://pjreddie.com/media/files/{weights.file}.weights"
    return ModelSpec(
        name=name,
        family="yolov2",
        task="detect",
        input=DARKNET_INPUT,
        labels=VOC if weights.file.endswith("voc") else COCO,
        licence=LICENCE,
        source=SOURCE.format(weights.file),
        origin=Download(published, size_most=weights.length),
        variant=variant,
        anchors=anchors,
        parameters=weights.numbers(),
        published=published,
        citation=CITATION,
        accuracy=accuracy,
    )


DARKFLOW = "as darkflow reports it"

MODELS = (
    _darknet(
        "yolov2-coco",
        "full",
        OF_COCO,
        Weights("yolov2", 203_934_260, 16, "github.com/AlexeyAB/darknet issue 1910"),
        "48.1 % mAP at an overlap of 0.5 on COCO test-dev, at 608 x 608 (its home page)",
    ),
    _darknet(
        "yolov2-voc",
        "full",
        OF_VOC,
        Weights("yolov2-voc", 202_704_260, 16, DARKFLOW),
        "76.8 % mAP on VOC 2007 test, at 416 x 416 (arXiv:1612.08242, table 3)",
    ),
    _darknet(
        "yolov2-tiny-coco",
        "tiny-coco",
        OF_COCO,
        Weights("yolov2-tiny", 44_948_600, 20, DARKFLOW),
        "23.7 % mAP at an overlap of 0.5 on COCO test-dev, at 416 x 416 (its home page)",
    ),
    _darknet(
        "yolov2-tiny-voc",
        "tiny",
        OF_TINY_VOC,
        Weights("yolov2-tiny-voc", 63_471_556, 16, DARKFLOW),
        "57.1 % mAP on VOC 2007 test, at 416 x 416 (its home page)",
    ),
    ModelSpec(
        name="raccoon",
        family="yolov2",
        task="detect",
        # keras-yolo2 resizes without regard to proportions (frontend.py), and brings grey levels to
        # -1..1 (MobileNetFeature in backend.py).
        input=Input(416, 416, order="rgb", fit="stretch", mean=HALF, std=HALF),
        labels=("raccoon",),
        licence="not stated",
        source="github.com/experiencor/keras-yolo2 at 8bc3fcd, MobileNet backend, config.json",
        origin=None,
        variant="mobilenet",
        anchors=OF_COCO,
        parameters=Count(3_259_614, "count_params of keras-yolo2's own network"),
        published="https://drive.google.com/drive/folders/10oym4eL2RxJa0gro26vzXK__TtYOP5Ng",
        citation=CITATION,
        accuracy="none published; a smaller network of its kind that was trained here "
        "(raccoon-320, 40 pictures of dev): average precision .914 at an overlap of 0.5",
    ),
    ModelSpec(
        name="tinier-yolo-voc",
        family="tinieryolo",
        task="detect",
        input=DARKNET_INPUT,
        labels=VOC,
        licence="BSD-3-Clause",
        source="github.com/Xilinx/QNN-MO-PYNQ at 97bc264, Tinier-YOLO",
        origin=None,
        anchors=OF_TINY_VOC,
        parameters=Count(
            6_391_869, "conv0 and conv8 with biases, signs and thresholds of conv1 to conv7"
        ),
        published="https://github.com/Xilinx/QNN-MO-PYNQ, qnn/params/binparam-tinier-yolo-nopool",
        citation="Preußer et al., Inference of Quantized Neural Networks on Heterogeneous "
        "All-Programmable Devices, DATE 2018",
        accuracy="none published; here precision .43 and recall .15 above a score of 0.5, on 64 "
        "photos of COCO with 256 things of VOC's classes, at an overlap of 0.5",
    ),
)
