"""The same ONNX file in other engines, to compare: one engine in a process, timed alone.

    python -m models.engines MODEL ENGINE THREADS SECONDS OUTPUTS.npz [PHOTOS.npy]

Idle threads of one engine may spin into the time of the next, so no two ever share a process.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from models import zoo
from models.errors import ModelError
from models.feeds import Images, feeds
from models.session import open_session
from models.spec import CONTRACTS, ModelSpec, Precision
from models.store import Model, find

Array = NDArray[np.generic]
Feeds = Mapping[str, Array]
Run = Callable[[Feeds], Mapping[str, Array]]
Engine = Callable[[Model, int], Run]

WARM_UP = 2  # runs that are not counted: the first ones make plans and allocate


class CannotRun(Exception):
    """An engine does not take the file."""


class Timed(msgspec.Struct, frozen=True):
    """What an engine needed.

    ms      a run, the median
    runs    that were counted
    cannot  why this engine does not run the file; then there is no time
    """

    ms: float = 0.0
    runs: int = 0
    cannot: str = ""


def timed(
    model: str,
    engine: str,
    threads: int,
    seconds: float,
    outputs: Path,
    photos: Path | None = None,
) -> Timed:
    """Time one engine in a process of its own, on a seeded picture.

    model    a name of the zoo or the path of an ONNX file
    outputs  an .npz file, in which is kept what the engine said of the picture, by output; or of
             each photo, as "0.boxes" and so on
    photos   an .npy file, (N, H, W, 3) uint8 of the model's size
    """
    called = [sys.executable, "-m", "models.engines", model, engine, str(threads), str(seconds)]
    called += [str(outputs), *([str(photos)] if photos else [])]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        called, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Timed(cannot=said[-1])
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Timed)


def onnxruntime(model: Model, threads: int) -> Run:
    """As `framewire run` runs it."""
    session = open_session(model.path, device="cpu", threads=threads)
    return session.run


def openvino(model: Model, threads: int) -> Run:
    return _openvino(model, threads, "fp32")


def openvino_bf16(model: Model, threads: int) -> Run:
    """As `framewire run` runs it with `precision: bf16`."""
    return _openvino(model, threads, "bf16")


def _openvino(model: Model, threads: int, precision: Precision) -> Run:
    from models.openvino import OpenVinoSession  # noqa: PLC0415 - an extra

    session = OpenVinoSession(model.path, threads, precision)
    return session.run


def opencv(model: Model, threads: int) -> Run:
    """cv2.dnn, with OpenCV 5's own engine."""
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(threads)
    try:
        net = cv2.dnn.readNetFromONNX(str(model.path))
    except cv2.error as error:
        raise CannotRun(f"cv2.dnn: {error.err or error}") from error
    names = net.getUnconnectedOutLayersNames()

    def run(given: Feeds) -> Mapping[str, Array]:
        try:
            for name, array in given.items():
                net.setInput(array, name)  # type: ignore[arg-type]  # any array with numbers
            return dict(zip(names, net.forward(names), strict=True))
        except cv2.error as error:
            raise CannotRun(f"cv2.dnn: {error.err or error}") from error

    return run


def keras(model: Model, threads: int) -> Run:
    """The network alone, with random weights, compiled by TensorFlow: nothing is decoded."""
    import tensorflow as tf  # noqa: PLC0415 - an extra

    from models.export.convert import FAMILIES, family  # noqa: PLC0415

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    known = model.spec.family in FAMILIES
    build: Callable[[ModelSpec], object] | None = (
        getattr(family(model.spec.family), "build", None) if known else None
    )
    if build is None:
        raise CannotRun(f"keras: {model.spec.family} is not built in Keras")
    network = tf.function(build(model.spec))
    mean, std = (np.array(v, np.float32) for v in (model.spec.input.mean, model.spec.input.std))

    def run(given: Feeds) -> Mapping[str, Array]:
        if "image" in given:
            network(tf.constant((given["image"].astype(np.float32) - mean) / std))
        else:
            network([tf.constant(array) for array in given.values()])
        return {}

    return run


ENGINES: dict[str, Engine] = {
    "onnxruntime": onnxruntime,
    "opencv": opencv,
    "openvino": openvino,
    "openvino-bf16": openvino_bf16,
    "keras": keras,
}


def main(
    name: str, engine: str, threads: str, seconds: str, outputs: str, photos: str = ""
) -> None:
    """Time one engine, keep what it said, and print a `Timed` as JSON."""
    try:
        model = _model(name, engine)
        run = ENGINES[engine](model, int(threads))
        ports = {port.name: port for port in CONTRACTS[model.spec.task].inputs}
        told, found = _time(run, feeds(model.spec, ports), float(seconds))
        if photos:
            found = _of_each(run, np.load(photos, allow_pickle=False))
        np.savez(outputs, **found)  # type: ignore[arg-type]  # taken for allow_pickle
    except (CannotRun, ModelError, ModuleNotFoundError) as error:
        told = Timed(cannot=str(error))
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _model(name: str, engine: str) -> Model:
    """Keras builds its network from the spec, with random weights: no file is wanted for it."""
    if engine == "keras" and not name.endswith(".onnx"):
        return Model(zoo.spec(name), Path())
    return find(name)


def _time(run: Run, given: Feeds, seconds: float) -> tuple[Timed, dict[str, Array]]:
    """The time of a run, and what it said."""
    found = [dict(run(given)) for _ in range(WARM_UP)]
    times: list[float] = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        began = time.perf_counter()
        run(given)
        times.append(1000 * (time.perf_counter() - began))
    return Timed(median(times), len(times)), found[-1]


def _of_each(run: Run, photos: Images) -> dict[str, Array]:
    found = [dict(run({"image": photo[np.newaxis]})) for photo in photos]
    return {f"{n}.{name}": array for n, one in enumerate(found) for name, array in one.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
