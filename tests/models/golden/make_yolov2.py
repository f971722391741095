"""Writes yolov2.npz: what darknet itself says with the weights of tests/models/darknet_file.py.

Not a test, and nothing of the project is run. In an environment of its own, with a C compiler:

    git clone https://github.com/pjreddie/darknet    # at f6afaab
    mkdir darknet/obj && make -C darknet libdarknet.so
    python -m venv golden && golden/bin/pip install numpy
    golden/bin/python tests/models/golden/make_yolov2.py darknet

darknet runs on the CPU, with its own cfg files at 416 x 416, once without the last section (what
the last convolution gives) and once whole (boxes, as `detector test` finds them, NMS at 0.45).
"""

import ctypes
import os
import sys
import tempfile
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_void_p
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.models.darknet_file import NETWORKS, SIDE, picture, write  # noqa: E402

CFGS = {
    "yolov2-coco": "yolov2.cfg",
    "yolov2-voc": "yolov2-voc.cfg",
    "yolov2-tiny-coco": "yolov2-tiny.cfg",
    "yolov2-tiny-voc": "yolov2-tiny-voc.cfg",
}
SAMPLES = 1000  # about so many numbers of the last convolution are kept
BOXES = 20  # the threshold is put so that so many are found before NMS
NMS = 0.45


class Box(Structure):
    _fields_ = [(name, c_float) for name in "xywh"]


class Detection(Structure):
    _fields_ = [
        ("box", Box),
        ("classes", c_int),
        ("prob", POINTER(c_float)),
        ("mask", POINTER(c_float)),
        ("objectness", c_float),
        ("sort_class", c_int),
    ]


def darknet(folder: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(folder / "libdarknet.so"))
    library.load_network.restype = c_void_p
    library.load_network.argtypes = [c_char_p, c_char_p, c_int]
    library.free_network.argtypes = [c_void_p]
    library.network_predict.restype = POINTER(c_float)
    library.network_predict.argtypes = [c_void_p, POINTER(c_float)]
    library.get_network_boxes.restype = POINTER(Detection)
    library.get_network_boxes.argtypes = [
        *(c_void_p, c_int, c_int, c_float, c_float),
        *(POINTER(c_int), c_int, POINTER(c_int)),
    ]
    library.do_nms_sort.argtypes = [POINTER(Detection), c_int, c_int, c_float]
    return library


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    library, kept = darknet(folder), {}
    feed = np.ascontiguousarray(picture().transpose(2, 0, 1), np.float32) / np.float32(255)
    pointer = feed.ctypes.data_as(POINTER(c_float))
    with tempfile.TemporaryDirectory() as scratch:
        for name, kernels in NETWORKS.items():
            weights = Path(scratch, "w.weights")
            write(weights, kernels, version=(0, 1, 0))
            cfg = (folder / "cfg" / CFGS[name]).read_text()
            cfg = cfg.replace("width=608", f"width={SIDE}").replace("height=608", f"height={SIDE}")
            whole, headless = Path(scratch, "whole.cfg"), Path(scratch, "headless.cfg")
            whole.write_text(cfg)
            headless.write_text(cfg[: cfg.index("[region]")])
            channels, cells = kernels[-1][1], SIDE // 32
            network = library.load_network(*map(os.fsencode, (headless, weights)), 0)
            raw = np.ctypeslib.as_array(
                library.network_predict(network, pointer), (channels, cells, cells)
            ).copy()
            library.free_network(network)
            network = library.load_network(*map(os.fsencode, (whole, weights)), 0)
            library.network_predict(network, pointer)
            threshold, boxes = found(library, network, channels // 5 - 5)
            library.free_network(network)
            kept[f"{name}/raw"] = raw.ravel()[:: raw.size // SAMPLES]
            kept[f"{name}/largest"] = np.abs(raw).max()
            kept[f"{name}/threshold"] = np.float32(threshold)
            kept[f"{name}/boxes"] = boxes
            print(name, raw.std(), np.abs(raw).max(), threshold, len(boxes))
    np.savez_compressed(HERE / "yolov2.npz", **kept)


def found(library: ctypes.CDLL, network: int, classes: int) -> tuple[float, np.ndarray]:
    """The threshold, and (N, 6) float32: class, score, x1 y1 x2 y2 in [0, 1]."""
    every = detect(library, network, classes, 0.001, nms=False)
    # Between two scores, so that a difference in the last digits changes nothing.
    threshold = float(every[BOXES - 1 : BOXES + 1, 1].mean())
    return threshold, detect(library, network, classes, threshold, nms=True)


def detect(
    library: ctypes.CDLL, network: int, classes: int, threshold: float, *, nms: bool
) -> np.ndarray:
    count = c_int()
    ask = (SIDE, SIDE, threshold, 0.5, None, 1, ctypes.byref(count))
    detections = library.get_network_boxes(network, *ask)
    if nms:
        library.do_nms_sort(detections, count.value, classes, NMS)
    return boxes_of(detections, count.value, classes)


def boxes_of(detections: object, count: int, classes: int) -> np.ndarray:
    rows = []
    for index in range(count):
        one = detections[index]
        x, y, w, h = one.box.x, one.box.y, one.box.w, one.box.h
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        rows += [(k, one.prob[k], *corners) for k in range(classes) if one.prob[k] > 0]
    rows.sort(key=lambda row: -row[1])
    return np.array(rows, np.float32).reshape(-1, 6)


if __name__ == "__main__":
    main()
