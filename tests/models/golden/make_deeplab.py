"""Writes deeplab.npz: what the original DeepLabv3+ of Keras says.

The original code, github bonlime/keras-deeplab-v3-plus, is run by TensorFlow's Keras 2 and filled
by the seeded recipe of tests/models/deeplab_state.py; none of framewire's own code is run:
`aligned.py` is its model.py at 5e5811d83d72eb77a0679df791e4b4a31605ab40, the last with aligned
corners, `half.py` at 69a547c55972e8a4295b133ef35e621f19a225d7. In an environment of its own:

    pip install tensorflow==2.21.0 tf_keras==2.21.0 numpy
    TF_USE_LEGACY_KERAS=1 python -m tests.models.golden.make_deeplab FOLDER

Three names that TensorFlow has moved since are replaced in the text; nothing else is.
Prints how many numbers each network holds.
"""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from tests.models.deeplab_state import SIZE, pictures, sample, state

MOVED = {
    "tensorflow.python.keras": "tf_keras.src",
    "from tf_keras.src import backend": "from tf_keras import backend",
    ".shape[-1].value": ".shape[-1]",
}
NETWORKS = {
    "mobilenetv2": ("aligned", {"backbone": "mobilenetv2"}),
    "xception-16": ("aligned", {"backbone": "xception", "OS": 16}),
    "xception-8": ("aligned", {"backbone": "xception", "OS": 8}),
    "mobilenetv2-half-pixel": ("half", {"backbone": "mobilenetv2"}),
    "xception-16-half-pixel": ("half", {"backbone": "xception", "OS": 16}),
}


def main(folder: Path) -> None:
    golden = {}
    for variant, (file, options) in NETWORKS.items():
        original = load(folder / f"{file}.py")
        for classes in (19, 21):
            network = original.Deeplabv3(
                weights=None, input_shape=(*SIZE, 3), classes=classes, **options
            )
            print(variant, classes, network.count_params())
        golden |= record(variant, network)
    np.savez_compressed(Path(__file__).with_name("deeplab.npz"), **golden)


def load(file: Path) -> ModuleType:
    text = file.read_text("utf-8")
    for old, new in MOVED.items():
        text = text.replace(old, new)
    original = ModuleType(file.stem)
    exec(compile(text, str(file), "exec"), original.__dict__)
    return original


def record(variant: str, network: "tf_keras.Model") -> dict[str, np.ndarray]:  # noqa: F821
    """The names and shapes of a weight file, in its order, and a sample of the output."""
    weights = [weight for layer in network.layers for weight in layer.weights]
    names = [weight.name.removesuffix(":0") for weight in weights]
    drawn = state({name: tuple(w.shape) for name, w in zip(names, weights, strict=True)})
    for name, weight in zip(names, weights, strict=True):
        weight.assign(drawn[name])
    output = network.predict(pictures().astype(np.float32) / 127.5 - 1, verbose=0)
    return {
        f"{variant}/names": np.array(names),
        f"{variant}/shapes": np.array([" ".join(map(str, w.shape)) for w in weights]),
        f"{variant}/output": sample(output),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
