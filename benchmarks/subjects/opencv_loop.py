"""The usual OpenCV loop: VideoCapture, resize, cvtColor, ONNX Runtime. Arguments: CLIP MODEL."""

import sys

import cv2
import onnxruntime as ort

from benchmarks.measure import Stopwatch


def main(clip: str, model: str) -> None:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    capture = cv2.VideoCapture(clip)
    frames = 0
    with Stopwatch() as watch:
        while True:
            more, picture = capture.read()
            if not more:
                break
            small = cv2.cvtColor(cv2.resize(picture, (224, 224)), cv2.COLOR_BGR2RGB)
            session.run(None, {"image": small[None]})
            frames += 1
    watch.tell(frames)


if __name__ == "__main__":
    main(*sys.argv[1:])
