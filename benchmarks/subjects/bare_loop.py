"""A bare loop: PyAV in one thread, swscale, ONNX Runtime. Arguments: CLIP MODEL."""

import sys

import av
import numpy as np
import onnxruntime as ort
from av.video.reformatter import VideoReformatter

from benchmarks.measure import Stopwatch


def main(clip: str, model: str) -> None:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    reformatter = VideoReformatter()
    frames = 0
    with av.open(clip) as container, Stopwatch() as watch:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            small = reformatter.reformat(frame, width=224, height=224, format="rgb24")
            session.run(None, {"image": np.asarray(small.to_ndarray())[None]})
            frames += 1
    watch.tell(frames)


if __name__ == "__main__":
    main(*sys.argv[1:])
