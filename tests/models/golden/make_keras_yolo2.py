"""Writes keras_yolo2.npz: what keras-yolo2's own code says with weights of seeded.py.

Not a test, and nothing of the project is run. In an environment of its own:

    git clone https://github.com/experiencor/keras-yolo2    # at 8bc3fcd
    python -m venv golden
    golden/bin/pip install tensorflow==2.21.0 tf_keras==2.21.0 opencv-python-headless
    golden/bin/python tests/models/golden/make_keras_yolo2.py keras-yolo2

The code was written for Keras 2.0 and TensorFlow 1.3: names that have moved since are put back
where it looks for them, and files that it loads while it builds are passed over: all is filled.
Each tensor is filled by its name in the file, "conv_1/kernel" and so on; the file itself is written
too, to see that names are what tests/models/test_yolov2_keras.py writes.
"""

import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import tensorflow as tf
import tf_keras

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.models.darknet_file import picture  # noqa: E402
from tests.models.seeded import draw  # noqa: E402

SEED = 12
SAMPLES = 1000
BOXES = 20
ANCHORS = [
    *(0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434),
    *(7.88282, 3.52778, 9.77052, 9.16828),
]
NETWORKS = {  # the name of the backend, side of the input, classes
    "keras-full": ("Full Yolo", 416, 20),
    "keras-tiny": ("Tiny Yolo", 416, 20),
    "mobilenet": ("MobileNet", 416, 1),
}


def original(folder: Path) -> tuple[ModuleType, ModuleType]:
    """Its modules `frontend` and `utils`."""
    for name in ("", ".models", ".layers", ".applications", ".optimizers", ".callbacks"):
        module = tf_keras
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        sys.modules[f"keras{name}"] = module
    for name in ("mobilenet", "vgg16", "resnet50"):
        sys.modules[f"keras.applications.{name}"] = getattr(tf_keras.applications, name)
    sys.modules["keras.layers.advanced_activations"] = tf_keras.layers
    sys.modules["keras.layers.merge"] = tf_keras.layers
    tf.space_to_depth = tf.nn.space_to_depth
    generator = ModuleType("preprocessing")  # only for training; it wants imgaug
    generator.BatchGenerator = None
    sys.modules["preprocessing"] = generator
    sys.path.insert(0, str(folder))
    import backend
    import frontend
    import utils

    # It asks for 224 x 224 and is called with another size, which Keras no longer allows.
    mobilenet = backend.MobileNet
    backend.MobileNet = lambda input_shape, include_top: mobilenet(
        (None, None, 3), include_top=include_top, weights=None
    )
    # A model that has not been called has no node to ask any more.
    backend.BaseFeatureExtractor.get_output_shape = lambda self: (
        self.feature_extractor.output_shape[1:3]
    )
    return frontend, utils


def main() -> None:
    frontend, utils = original(Path(sys.argv[1]).resolve())
    kept: dict[str, np.ndarray] = {}
    load = tf_keras.Model.load_weights
    for variant, (backend, side, classes) in NETWORKS.items():
        tf_keras.backend.clear_session()
        tf_keras.Model.load_weights = lambda *_: None
        yolo = frontend.YOLO(backend, side, [str(i) for i in range(classes)], 10, ANCHORS)
        tf_keras.Model.load_weights = load
        for weight in yolo.model.weights:
            name = weight.name.removesuffix(":0")
            shape = tuple(weight.shape)
            fan_in = shape[0] * shape[1] if name.endswith("depthwise_kernel") else 0
            weight.assign(draw(name, shape, SEED, fan_in))
        file = Path(f"{variant}.h5")
        yolo.model.save_weights(file)
        with h5py.File(file) as opened:
            for layer in opened.attrs["layer_names"]:
                print(layer, list(opened[layer].attrs["weight_names"])[:7])
        bgr = picture(side)[..., ::-1].astype(np.float32)
        feed = yolo.feature_extractor.normalize(bgr)[:, :, ::-1]  # as in YOLO.predict
        raw = yolo.model.predict([feed[None], np.zeros((1, 1, 1, 1, 10, 4))], verbose=0)[0]
        kept[f"{variant}/numbers"] = np.int64(yolo.model.count_params())
        kept[f"{variant}/raw"] = raw.ravel()[:: raw.size // SAMPLES]
        kept[f"{variant}/largest"] = np.abs(raw).max()
        print(variant, raw.shape, yolo.model.count_params(), raw.std(), np.abs(raw).max())
        if classes == 1:
            scores = np.sort(1 / (1 + np.exp(-raw[..., 4].ravel())))[::-1]
            threshold = scores[BOXES - 1 : BOXES + 1].mean()
            found = utils.decode_netout(raw.copy(), ANCHORS, classes, threshold, 0.3)
            rows = [(b.get_score(), b.xmin, b.ymin, b.xmax, b.ymax) for b in found]
            kept[f"{variant}/threshold"] = np.float32(threshold)
            kept[f"{variant}/boxes"] = np.array(sorted(rows, reverse=True), np.float32)
            print(threshold, len(rows))
    np.savez_compressed(HERE / "keras_yolo2.npz", **kept)


if __name__ == "__main__":
    main()
