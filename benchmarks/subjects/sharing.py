"""Pictures of sixteen streams through one detector. Arguments: MODEL WAY BATCH.

WAY is `shared` (one session, BATCH pictures a call), `own` (a session for each stream, opened as
framewire opens one) or `usual` (one for each, as ONNX Runtime opens it when told nothing). Prints
pictures a second, and the megabytes that the sessions have taken.
"""

import json
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import psutil

from models.session import OnnxRuntimeSession, cores
from models.store import Model, find

STREAMS = 16
WARM_UP, ROUNDS = 4, 24  # pictures of each stream

Call = Callable[[], object]


def opened(model: Model, way: str, batch: int) -> Call:
    """A session, as what is to be called for the next pictures."""
    image = model.spec.input
    shape = (batch, image.height, image.width, 3)
    feeds = {"image": np.random.default_rng(0).integers(0, 255, shape, np.uint8)}
    if way == "usual":
        session = ort.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
        return lambda: session.run(None, feeds)
    ours = OnnxRuntimeSession(model.path, "cpu", cores())
    return lambda: ours.run(feeds)


def seconds(calls: list[Call], times: int) -> float:
    """That it takes to call each so many times, all at once."""
    threads = [
        threading.Thread(target=lambda call=call: [call() for _ in range(times)]) for call in calls
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main(name: str, way: str, batch: str) -> None:
    """See the module."""
    model, us = find(name), psutil.Process()
    before = us.memory_info().rss
    calls = [opened(model, way, int(batch)) for _ in range(1 if way == "shared" else STREAMS)]
    seconds(calls, 1)
    taken = us.memory_info().rss - before
    times = STREAMS // (len(calls) * int(batch))  # that each is called for a picture of each stream
    seconds(calls, WARM_UP * times)
    fps = STREAMS * ROUNDS / seconds(calls, ROUNDS * times)
    print(json.dumps({"fps": fps, "mb": taken / 2**20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
