"""Where the benchmarks keep what they make: the clips and the model."""

import tempfile
from pathlib import Path

WORK = Path(tempfile.gettempdir()) / "framewire-benchmarks"
WORK.mkdir(exist_ok=True)
