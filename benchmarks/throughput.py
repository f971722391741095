"""Throughput and CPU of one 1080p file through one small model, against three other ways."""

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks import mobilenet
from benchmarks.clip import clip
from benchmarks.folder import WORK
from benchmarks.measure import Bar, in_turn, measured, spread

MODEL_RUNS = "300"


def model() -> Path:
    """MobileNet v1 1.0 224 with random weights, and its description beside it."""
    path = WORK / "mobilenet.onnx"
    if not path.exists():
        mobilenet.write(path)
        labels = ", ".join(f"c{number}" for number in range(mobilenet.CLASSES))
        path.with_suffix(".yaml").write_text(
            "task: classify\n"
            "input: { width: 224, height: 224, order: rgb, fit: stretch }\n"
            f"labels: [{labels}]\n"
        )
    return path


def bars(coding: str, inference_python: str | None = None) -> list[Bar]:
    """Measure all on one coding of the clip.

    inference_python  of an environment that has Roboflow's `inference`
    """
    film, net = str(clip(1920, 1080, 3, coding)), str(model())
    subjects = {
        "ours": lambda: measured("benchmarks.subjects.framewire_file", film, net, "2"),
        "bare": lambda: measured("benchmarks.subjects.bare_loop", film, net),
        "by hand": lambda: measured("benchmarks.subjects.wired_by_hand", film, net),
        "opencv": lambda: measured("benchmarks.subjects.opencv_loop", film, net),
        "model": lambda: measured("benchmarks.subjects.model_only", net, MODEL_RUNS, "usual"),
        "our model": lambda: measured("benchmarks.subjects.model_only", net, MODEL_RUNS, "2"),
    }
    if inference_python:
        subjects["inference"] = lambda: measured(
            "benchmarks.subjects.inference_pipeline", film, net, python=inference_python
        )
    found = in_turn(subjects)
    made = [
        _bar(f"1080p as a {coding} has it, MobileNet, throughput against a bare PyAV loop", 0.95,
             _speed(found["ours"], found["bare"])),
        _bar("the same, throughput against the same parts wired by hand (what no graph could pass)",
             0.9, _speed(found["ours"], found["by hand"])),
        *_against("an OpenCV loop", found, "opencv"),
    ]  # fmt: skip
    if inference_python:
        made += _against("Roboflow's InferencePipeline", found, "inference")
    return made


def _against(name: str, found: Mapping[str, list], other: str) -> list[Bar]:
    ours, theirs = _cpu(found["ours"]), _cpu(found[other])
    whole = [a / b for a, b in zip(ours, theirs, strict=True)]
    rest = [
        (a - ma) / (b - mb)
        for a, b, ma, mb in zip(
            ours, theirs, _cpu(found["our model"]), _cpu(found["model"]), strict=True
        )
    ]
    return [
        _bar(f"the same, throughput against {name}", 1.5, _speed(found["ours"], found[other])),
        _bar(f"CPU seconds a frame against {name}", -0.8, whole),
        _bar("the same without the model's own", -0.5, rest),
    ]


def _cpu(runs: list) -> list[float]:
    return [run["cpu"] / run["frames"] for run in runs]


def _speed(ours: list, theirs: list) -> list[float]:
    return [
        (a["frames"] / a["wall"]) / (b["frames"] / b["wall"])
        for a, b in zip(ours, theirs, strict=True)
    ]


def _bar(what: str, limit: float, ratios: list[float]) -> Bar:
    """`limit`: at least so much, or at most, if it is negative."""
    held = median(ratios) >= limit if limit > 0 else median(ratios) <= -limit
    wanted = f">= {limit}" if limit > 0 else f"<= {-limit}"
    return Bar(what, wanted, spread(ratios), held)
