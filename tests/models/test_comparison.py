"""Two engines are compared by what they find in photos, or by their largest difference."""

from pathlib import Path

import keras
import numpy as np

from benchmarks.networks import soften
from models.comparison import alike, largest_difference
from tests.models.seeded import fill

Outputs = dict[str, np.ndarray]


def boxes(*left: float) -> Outputs:
    """Things of one class, each a tenth of the picture high and wide, from `left` on."""
    corners = [(x, 0.0, x + 0.1, 0.1) for x in left]
    return {
        "boxes": np.array(corners, np.float32).reshape(-1, 4),
        "classes": np.zeros(len(left), np.int64),
        "batch": np.zeros(len(left), np.int64),
    }


def kept(file: Path, *photos: Outputs) -> Path:
    arrays = {f"{n}.{name}": array for n, one in enumerate(photos) for name, array in one.items()}
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file


def test_detectors_are_compared_by_what_they_find(tmp_path: Path) -> None:
    ours = kept(tmp_path / "a.npz", boxes(0.1, 0.5), boxes(0.2))
    theirs = kept(tmp_path / "b.npz", boxes(0.101), boxes(0.2, 0.7))
    assert alike("detect", ours, theirs) == (
        "3 boxes and 3, boxes kept 0.7500, boxes not new 0.7500"
    )


def test_two_that_find_nothing_say_so(tmp_path: Path) -> None:
    ours, theirs = (kept(tmp_path / name, boxes()) for name in ("a.npz", "b.npz"))
    assert alike("detect", ours, theirs).startswith("0 boxes and 0, ")


def test_class_maps_are_compared_cell_by_cell(tmp_path: Path) -> None:
    one, other = np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), np.uint8)
    other[0, 0] = 1
    ours = kept(tmp_path / "a.npz", {"classes": one})
    theirs = kept(tmp_path / "b.npz", {"classes": other})
    assert alike("segment", ours, theirs) == "same class 0.7500"


def test_an_engine_that_decodes_nothing_is_not_compared(tmp_path: Path) -> None:
    ours, nothing = kept(tmp_path / "a.npz", boxes(0.1)), kept(tmp_path / "b.npz")
    assert alike("detect", ours, nothing) == "not compared"
    assert largest_difference(ours, nothing) == "not compared"


def test_outputs_of_other_names_are_not_compared(tmp_path: Path) -> None:
    ours = kept(tmp_path / "a.npz", boxes(0.1))
    other = kept(tmp_path / "b.npz", {"raw": np.zeros(3, np.float32)})
    assert alike("detect", ours, other) == "its outputs are others"


def test_a_soft_max_on_grey_levels_has_something_to_compare() -> None:
    image = keras.Input((64,))
    network = keras.Model(image, keras.layers.Dense(10, activation="softmax", name="top")(image))
    fill(network, seed=0)
    grey = np.random.default_rng(0).uniform(-128, 127, (1, 64)).astype(np.float32)
    assert np.asarray(network(grey)).max() > 0.999
    soften(network)
    assert np.asarray(network(grey)).min() > 0.01
