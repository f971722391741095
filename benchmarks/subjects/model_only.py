"""The model alone on one picture, again and again. Arguments: MODEL RUNS usual|PARALLEL."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

from benchmarks.measure import Stopwatch
from models.session import open_session


def main(model: str, runs: str, kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (1, 224, 224, 3), np.uint8)
    if kind == "usual":
        usual = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        run = lambda: usual.run(None, {"image": picture})  # noqa: E731
    else:
        ours = open_session(Path(model), device="cpu", parallel=int(kind))
        run = lambda: ours.run({"image": picture})  # noqa: E731
    run()
    with Stopwatch() as watch:
        for _ in range(int(runs)):
            run()
    watch.tell(int(runs))


if __name__ == "__main__":
    main(*sys.argv[1:])
