"""The same parts without a graph: one thread decodes, two run the model. Arguments: CLIP MODEL.

What framewire could reach at most if a frame's way cost nothing: the decoder, the resized planes
and the model's two sessions' worth of threads are ours, between them stands one plain queue.
"""

import sys
from queue import Queue
from threading import Thread

import av
import cv2
import numpy as np

from benchmarks.measure import Stopwatch
from models.session import Session, open_session
from stages.picture import Picture, Wanted

WORKERS = 2
SMALL = Wanted(224, 224)

Frames = Queue[av.VideoFrame | None]


def decode(clip: str, frames: Frames) -> None:
    """Put every picture of the clip, and the end for each worker, into the queue."""
    with av.open(clip) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            frames.put(frame)
    for _ in range(WORKERS):
        frames.put(None)


def classify(session: Session, frames: Frames, done: list[int]) -> None:
    """Run the model until the end comes, and note how many pictures that were."""
    count = 0
    while (frame := frames.get()) is not None:
        session.run({"image": Picture.from_av(frame).pixels(SMALL)[np.newaxis]})
        count += 1
    done.append(count)


def main(clip: str, model: str) -> None:
    session = open_session(model, device="cpu", parallel=WORKERS)
    frames: Frames = Queue(8)
    done: list[int] = []
    threads = [Thread(target=decode, args=(clip, frames))]
    threads += [Thread(target=classify, args=(session, frames, done)) for _ in range(WORKERS)]
    with Stopwatch() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    watch.tell(sum(done))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(*sys.argv[1:])
