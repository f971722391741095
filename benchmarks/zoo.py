"""Each family's network against the same one in other engines, and what converting costs.

Speed does not depend on what the weights are, so networks are filled from a seed: nobody needs the
original files to measure. Only the network is timed, without its post-processing; Mask R-CNN, which
is three networks with suppression between them, is timed whole, with a file such as the original's.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from benchmarks.folder import WORK
from benchmarks.measure import Bar, spread
from models.agreement import agreement
from models.comparison import largest_difference
from models.engines import ENGINES, Timed, timed
from models.sidecar import write_sidecar
from models.zoo import ZOO

ROUNDS = 3
LARGE = 1_100_000  # pixels: a round of such a network takes a minute or two, and there is one
SECONDS = 1.0  # of each engine in each round
THREADS = 2
SAME = 1e-3  # of the largest number: two engines that run the same network

# One model of each family, and the least ratio to OpenVINO in float32 that is wanted of it.
SUBJECTS = {
    "mobilenet-1.0-224": 0.85,
    "yolov2-tiny-voc": 0.85,
    "yolov2-coco": 0.85,
    "vgg16-imagenet": 0.85,
    "vggface": 0.85,
    "deeplab-mobilenetv2-voc": 0.85,
    "deeplab-xception-voc": 0.85,
    "ternaus-unet11-binary": 0.85,
    "ternaus-unet16-binary": 0.85,
    "ternaus-linknet34-binary": 0.75,
    "ternaus-albunet34-binary": 0.85,
    "vrn-unguided": 0.85,
    "caption-encoder-flickr8k": 0.85,
    "caption-words": 0.85,
    "maskrcnn-coco": 0.85,
}

# Seconds and gigabytes at most, by name.
CONVERSIONS = {"yolov2-coco": (5.0, 3.0), "vgg16-imagenet": (6.0, 5.0)}


class Conversion(msgspec.Struct, frozen=True):
    """What writing a network as ONNX took: seconds, and 10^9 bytes of the whole process at most."""

    seconds: float
    gigabytes: float


def bars(names: Sequence[str] = tuple(SUBJECTS)) -> list[Bar]:
    """All families, one engine at a time."""
    made: list[Bar] = []
    for name in names:
        least = SUBJECTS[name]
        path, conversion = _converted(name)
        if name in CONVERSIONS:
            seconds, gigabytes = CONVERSIONS[name]
            held = conversion.seconds <= seconds and conversion.gigabytes <= gigabytes
            got = f"{conversion.seconds:.1f} s, {conversion.gigabytes:.1f} GB"
            made.append(Bar(f"{name}, export", f"<= {seconds:g} s, {gigabytes:g} GB", got, held))
        made += _engines(name, path, least)
    return made


def _engines(name: str, path: Path, least: float) -> list[Bar]:
    outputs = {engine: WORK / f"outputs-{engine}.npz" for engine in ENGINES}
    size = ZOO[name].input
    rounds = [
        {
            engine: timed(
                name if engine == "keras" else str(path), engine, THREADS, SECONDS, outputs[engine]
            )
            for engine in ENGINES
        }
        for _ in range(1 if size.width * size.height > LARGE else ROUNDS)
    ]
    ours = outputs["onnxruntime"]
    told = [
        _bar(name, "cv2.dnn", [r["opencv"] for r in rounds], rounds, 1.8),
        _bar(name, "OpenVINO f32", [r["openvino"] for r in rounds], rounds, least),
        _bf16(name, rounds),
    ]
    if ZOO[name].task == "instances":
        # Three networks in Keras, with steps between that are not Keras's.
        found = (("cv2.dnn", "opencv"), ("OpenVINO", "openvino"))
        same = [_found(name, o, rounds[-1][e], ours, outputs[e]) for o, e in found]
        return [*same, *told]
    if ZOO[name].task == "caption":
        words = [1000 / r["onnxruntime"].ms for r in rounds]
        told.append(Bar(f"{name}, words a second", "-", spread(words, 0), held=True))
    return [
        _same(name, "cv2.dnn", rounds[-1]["opencv"], ours, outputs["opencv"]),
        _bar(name, "TensorFlow", [r["keras"] for r in rounds], rounds, 0.9),
        *told,
    ]


def _found(name: str, other: str, told: Timed, ours: Path, theirs: Path) -> Bar:
    """Whether it was the same that was found: one grey level of a mask may be another."""
    what, wanted = f"{name}, boxes that {other} finds too", ">= 0.99"
    if told.cannot:
        return _none(what, wanted, told)
    with np.load(ours) as one, np.load(theirs) as two:
        share, boxes = agreement(ZOO[name].task, one, two)["boxes kept"], len(one["boxes"])
    return Bar(what, wanted, f"{share:.2f} of {boxes}", share >= 0.99)


def _same(name: str, other: str, told: Timed, ours: Path, theirs: Path) -> Bar:
    """Whether it was the same network that was timed: an engine may be fast and wrong."""
    what, wanted = f"{name}, difference from {other}", f"<= {SAME:g}"
    if told.cannot:
        return _none(what, wanted, told)
    difference = largest_difference(ours, theirs)
    return Bar(what, wanted, difference, held=_number(difference) <= SAME)


def _number(difference: str) -> float:
    try:
        return float(difference)
    except ValueError:
        return inf


def _none(what: str, wanted: str, told: Timed) -> Bar:
    """No time: held only where the engine is not installed, and so nothing is said of it."""
    return Bar(what, wanted, told.cannot[:60], held=told.cannot.startswith("No module named"))


def _bar(
    name: str, other: str, theirs: list[Timed], rounds: list[dict[str, Timed]], least: float
) -> Bar:
    what = f"{name}, times as fast as {other}"
    if theirs[0].cannot:
        return _none(what, f">= {least:g}", theirs[0])
    ratios = [t.ms / r["onnxruntime"].ms for t, r in zip(theirs, rounds, strict=True)]
    return Bar(what, f">= {least:g}", spread(ratios), median(ratios) >= least)


def _bf16(name: str, rounds: list[dict[str, Timed]]) -> Bar:
    what = f"{name}, `precision: bf16` times as fast as float32"
    bf16 = rounds[0]["openvino-bf16"]
    if bf16.cannot:
        # A CPU that has no bfloat16 breaks no bar.
        return Bar(what, ">= 1.8", bf16.cannot[:60], held=True)
    ratios = [r["onnxruntime"].ms / r["openvino-bf16"].ms for r in rounds]
    return Bar(what, ">= 1.8", spread(ratios), median(ratios) >= 1.8)


def _converted(name: str) -> tuple[Path, Conversion]:
    """Write the network in a process of its own, whose memory is only for that."""
    path = WORK / f"{name}.onnx"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.zoo", name, str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} was not converted:\n{done.stderr[-2000:]}")
    return path, msgspec.json.decode(done.stdout.splitlines()[-1], type=Conversion)


def convert(name: str, path: Path) -> Conversion:
    """Write a network as ONNX, and say what that took once it was built and filled."""
    from benchmarks.networks import prepared  # it imports Keras

    write = prepared(ZOO[name], path.parent)
    began = time.perf_counter()
    with path.open("wb") as file:
        write().write(file, {})
    took = time.perf_counter() - began
    write_sidecar(path, ZOO[name])
    return Conversion(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


if __name__ == "__main__":
    print(msgspec.json.encode(convert(sys.argv[1], Path(sys.argv[2]))).decode())
