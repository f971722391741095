"""Writes weight files of TensorFlow.js: a manifest, and the numbers in a `.bin` beside it.

Needs nothing but numpy, for golden/make_faceapi.py.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np


def write(
    folder: Path, stem: str, tensors: Mapping[str, np.ndarray], quantised: Collection[str] = ()
) -> Path:
    """Write the tensors as float32, those named in `quantised` as uint8; returns the manifest.

    A quantised tensor holds q * scale + min, so it is not quite what was given.
    """
    entries, raw = [], bytearray()
    for name, array in tensors.items():
        entry: dict[str, object] = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        if name in quantised:
            low, high = float(array.min()), float(array.max())
            scale = (high - low) / 255 or 1.0
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": low}
            raw += np.round((array.astype(np.float64) - low) / scale).astype(np.uint8).tobytes()
        else:
            raw += array.astype("<f4").tobytes()
        entries.append(entry)
    (folder / f"{stem}.bin").write_bytes(raw)
    manifest = folder / f"{stem}-weights_manifest.json"
    manifest.write_text(json.dumps([{"paths": [f"{stem}.bin"], "weights": entries}]), "ascii")
    return manifest
