"""A file is never in memory as a whole: reading it takes as much as its largest tensor."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.models.readers import torch_file

MIB = 1 << 20
SIZES = (100, 50, 30, 20)  # of the tensors, MiB
REPOSITORY = Path(__file__).parents[3]


def write_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        names = [f"layer{size}" for size in SIZES]
        file.attrs["layer_names"] = np.array([name.encode() for name in names])
        for name, size in zip(names, SIZES, strict=True):
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([b"kernel:0"])
            group["kernel:0"] = np.ones(size * MIB // 4, np.float32)


def write_npz(path: Path) -> None:
    np.savez(path, **{f"a{size}": np.ones(size * MIB // 4, np.float32) for size in SIZES})


def write_legacy(path: Path) -> None:
    state = {f"a{size}": np.ones(size * MIB // 4, np.float32) for size in SIZES}
    path.write_bytes(torch_file.legacy(state))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("reader", "write"), [("h5", write_h5), ("npz", write_npz), ("torch_pt", write_legacy)]
)
def test_reading_takes_as_much_as_the_largest_tensor(
    tmp_path: Path, reader: str, write: Callable[[Path], None]
) -> None:
    path = tmp_path / f"a.{'npz' if reader == 'npz' else 'file'}"
    write(path)
    assert path.stat().st_size >= sum(SIZES) * MIB
    command = [sys.executable, "-m", "tests.models.readers.peak", reader, str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.3 * max(SIZES) * MIB
