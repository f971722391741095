"""Importing half a gigabyte of weights does not take several times as much memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models import ZOO
from models.families import vggface
from models.hollow import hollow
from tests.models.keras2_file import by_layer, write
from tests.models.matconvnet_file import write as write_mat

IMPORT = """
import re, sys, time
from pathlib import Path
from models import ZOO
from models.export.convert import family

start = time.perf_counter()
spec = ZOO[sys.argv[1]]
graph = family(spec.family).convert(spec, [Path(sys.argv[2])])
with Path(sys.argv[3]).open("wb") as target:
    graph.write(target, {})
# Of this program alone: ru_maxrss would begin with what the program that started it had.
(peak,) = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(peak) * 1024, time.perf_counter() - start)
"""
MOST = 2.5  # times the size of the file, with TensorFlow and all


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["rcmalli_vggface_tf_vgg16.h5", "vgg_face.mat"])
def test_vgg_face_takes_less_than_two_and_a_half_times_its_size(tmp_path: Path, name: str) -> None:
    spec = ZOO["vggface"]
    file, target = tmp_path / name, tmp_path / "vggface.onnx"
    random = np.random.default_rng(5)
    network = hollow(lambda: vggface.build(spec))
    layers = by_layer(
        (w.path, random.standard_normal(w.shape, np.float32)) for w in network.weights
    )
    if file.suffix == ".mat":
        write_mat(file, layers, spec.labels)
    else:
        write(file, layers)
    del layers
    size = file.stat().st_size
    assert size > 580e6
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, spec.name, str(file), str(target)],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    peak, seconds = map(float, done.stdout.split())
    print(f"{name}: {peak / 1e6:.0f} MB, {peak / size:.2f} times the file, {seconds:.1f} s")
    assert abs(target.stat().st_size / size - 1) < 0.01
    assert peak < MOST * size
