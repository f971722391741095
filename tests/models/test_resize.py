"""The layer that resizes: TensorFlow's numbers by both rules, in Keras and in ONNX."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models import Input
from models.export.graph import Graph
from models.export.keras_graph import emit
from models.families.resize import Resize, Rule
from models.spec import Port
from tests.models.emitted import emitted
from tests.models.parity import difference

SIZE = Input(12, 9)  # width and height
PICTURES = np.random.default_rng(7).integers(0, 256, (3, 9, 12, 3), np.uint8)


def network(height: int, width: int, rule: Rule) -> keras.Model:
    image = keras.layers.Input((9, 12, 3))
    return keras.Model(image, Resize(height, width, rule, name="resize")(image))


@pytest.mark.parametrize("rule", ["align_corners", "half_pixel", "asymmetric"])
@pytest.mark.parametrize(("height", "width"), [(27, 48), (31, 50), (5, 12), (9, 12), (1, 1)])
def test_it_is_tensorflows(height: int, width: int, rule: Rule, tmp_path: Path) -> None:
    made = network(height, width, rule)
    images = PICTURES.astype(np.float32) / 255
    wanted = tf.raw_ops.ResizeBilinear(
        images=images,
        size=(height, width),
        align_corners=rule == "align_corners",
        half_pixel_centers=rule == "half_pixel",
    ).numpy()
    assert difference(np.asarray(made(images)), wanted) < 1e-5
    session = emitted(made, {}, SIZE, tmp_path)
    for count in (1, 3):
        got = session.run({"image": PICTURES[:count]})["y"].transpose(0, 2, 3, 1)
        assert difference(got, wanted[:count]) < 1e-5


def test_a_single_pixel_is_repeated_and_not_resized() -> None:
    """OpenCV 5.0.0 reads memory that nobody wrote when it resizes a single pixel."""
    image = keras.layers.Input((9, 12, 3))
    average = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
    graph = Graph("pixel")
    made = emit(
        graph,
        keras.Model(image, Resize(4, 5, "align_corners")(average)),
        {},
        [graph.image(SIZE)],
    )
    graph.output(Port("y", "float32", ("B", 3, 4, 5)), made[0])
    kinds = [node.op_type for node in graph.model({}).graph.node]
    assert kinds[-3:] == ["GlobalAveragePool", "Expand", "Identity"]


def test_it_is_saved_with_its_network(tmp_path: Path) -> None:
    made = network(18, 30, "align_corners")
    made.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    images = PICTURES.astype(np.float32)
    assert (np.asarray(again(images)) == np.asarray(made(images))).all()
