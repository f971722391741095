"""Writes vgg.npz: what networks with VGG16's layers say in the code that published them.

Not a test, and nothing of the project is run but the recipe of the weights. In an environment of
its own, with the files of three repositories beside it (MIT; none stated; none stated):

    python3.11 -m venv golden
    golden/bin/pip install tf_keras==2.21.0 keras_applications==1.0.8
    git -C rcmalli/keras-vggface archive bee3537 keras_vggface | tar x
    git -C michalgdak/car-recognition show c86c8ee:car-recognition-aws/matlabtester.py > cars.py
    git -C fyrestorm-sdb/tomatoes show 8b79ff9:vgg16_pretrained.py > tomatoes.py
    golden/bin/python tests/models/golden/make_vgg.py

The functions that build the networks are run as they stand, but at 64 x 64 pixels, so that a test
can make the file anew in a second; `vggface_full` is the real size. It prints how each was laid out
in its own file, and tests/models/keras2_file.py lays it out again.
"""

import ast
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import tf_keras as keras
from tf_keras import layers
from tf_keras.src.utils import data_utils, layer_utils

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), "."]
# Names that these packages had when the code was written.
renamed = {
    "keras": keras,
    "keras.layers": layers,
    "keras.models": keras.models,
    "keras.backend": keras.backend,
    "keras.utils": ModuleType("keras.utils"),
    "keras.utils.data_utils": data_utils,
    "keras.utils.layer_utils": layer_utils,
}
renamed["keras.utils"].layer_utils = layer_utils
sys.modules.update(renamed)
layer_utils.get_source_inputs = keras.utils.get_source_inputs

from keras_vggface import models as vggface  # noqa: E402
from keras_vggface.utils import preprocess_input  # noqa: E402

from tests.models.seeded import draw  # noqa: E402
from tests.models.vgg_pictures import FULL, SMALL, faces, pictures  # noqa: E402


def base(**options: object) -> keras.Model:
    """keras.applications.VGG16, but small and without its weights from the net."""
    size = options.get("input_shape", (None, None, 3))
    small = size if size[0] is None else (SMALL, SMALL, 3)
    return keras.applications.VGG16(weights=None, include_top=False, input_shape=small)


def function(file: str, name: str) -> object:
    """A function of a file, without running the rest of it."""
    (found,) = [
        node
        for node in ast.parse(Path(file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    names = {
        **vars(layers),
        "VGG16": base,
        "Model": keras.Model,
        "Input": lambda shape, name: layers.Input((SMALL, SMALL, 3), name=name),
        "regularizers": keras.regularizers,
        "optimizers": keras.optimizers.legacy,
    }
    exec(compile(ast.Module([found], []), file, "exec"), names)
    return names[name]


def fill(network: keras.Model) -> keras.Model:
    for weight in network.weights:
        name = weight.name.removesuffix(":0")
        weight.assign(draw(name, tuple(weight.shape), 1))
    print(network.name, network.count_params(), [layer.name for layer in network.layers])
    return network


def outputs(network: keras.Model, feeds: np.ndarray, *names: str) -> list[np.ndarray]:
    return keras.Model(network.input, [network.get_layer(n).output for n in names])(feeds)


found = {}
keras.backend.clear_session()
face = fill(vggface.VGG16(weights=None, input_shape=(SMALL, SMALL, 3), classes=10))
feeds = preprocess_input(faces(SMALL).astype(np.float32), version=1)
fc7, probabilities = outputs(face, feeds, "fc7/relu", "fc8/softmax")
found |= {"vggface_fc7": np.asarray(fc7)[:, ::16], "vggface": np.asarray(probabilities)}

keras.backend.clear_session()
cars = fill(function("cars.py", "getVGG16Architecture")(range(196), 0.8))
found["cars"] = np.asarray(cars(pictures(SMALL) / np.float32(255)))

keras.backend.clear_session()
tomatoes = fill(function("tomatoes.py", "pretrain_classifier_top")())
found["tomato"] = np.asarray(tomatoes(pictures(SMALL) / np.float32(255)))

keras.backend.clear_session()
face = fill(vggface.VGG16(weights=None))
feeds = preprocess_input(faces(FULL)[:1].astype(np.float32), version=1)
fc7, probabilities = outputs(face, feeds, "fc7/relu", "fc8/softmax")
found |= {"full_fc7": np.asarray(fc7)[:, ::16], "full": np.asarray(probabilities)[:, ::8]}

for name, array in found.items():
    print(name, array.shape, array.min(), array.max())
np.savez_compressed(HERE / "vgg.npz", **found)
