"""Bare PyAV decode loops, a thread each. Arguments: CLIP STREAMS realtime|fast."""

import sys
import threading
import time

import av

from benchmarks.measure import Stopwatch


def decode(clip: str, counts: list[int], *, realtime: bool) -> None:
    began, frames = time.monotonic(), 0
    with av.open(clip) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            frames += 1
            if realtime:
                time.sleep(max(0.0, began + frame.time - time.monotonic()))
    counts.append(frames)


def main(clip: str, streams: str, pace: str) -> None:
    counts: list[int] = []
    threads = [
        threading.Thread(target=decode, args=(clip, counts), kwargs={"realtime": pace != "fast"})
        for _ in range(int(streams))
    ]
    with Stopwatch() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    watch.tell(sum(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
