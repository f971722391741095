"""Roboflow's InferencePipeline with our model as its logic. Arguments: CLIP MODEL.

Needs an environment of its own: pip install inference-cpu.
"""

import json
import os
import sys
import time

# It would report its use to its makers over the network.
os.environ |= {"TELEMETRY_OPT_OUT": "True", "METRICS_ENABLED": "False"}

import cv2
import onnxruntime as ort
from inference import InferencePipeline


def main(clip: str, model: str) -> None:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    frames = 0

    def logic(batch: list) -> list:
        nonlocal frames
        for one in batch:
            small = cv2.cvtColor(cv2.resize(one.image, (224, 224)), cv2.COLOR_BGR2RGB)
            session.run(None, {"image": small[None]})
            frames += 1
        return [None] * len(batch)

    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=clip, on_video_frame=logic, on_prediction=lambda *_: None
    )
    wall, cpu = time.perf_counter(), time.process_time()
    pipeline.start(use_main_thread=True)
    pipeline.join()
    figures = {"frames": frames, "wall": time.perf_counter() - wall,
               "cpu": time.process_time() - cpu}  # fmt: skip
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
