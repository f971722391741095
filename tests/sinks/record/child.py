"""Processes that record, for tests in which they end badly or have no room.

`python -m tests.sinks.record.child live FOLDER`: a camera of 25 pictures a second; a line with its
number after each packet that the recorder was given.
`python -m tests.sinks.record.child full FOLDER LIMIT`: first no file may be larger than LIMIT
bytes, as on a disk that is full, then any; a line for each event.
"""

import asyncio
import resource
import sys
import threading
import time
from pathlib import Path

from sinks.record.archive import Archive
from sinks.record.options import RecordOptions
from sinks.record.recorder import Recorder
from stages.events import Event
from tests.sinks.record.clips import Recording, clip, later

LOOP = clip(500, 50, noise=100)


async def live(folder: Path) -> None:
    async with Recording(folder, segment_s=4) as recording:
        recording.lane.open(LOOP[0].coding)
        began = time.monotonic()
        for number, packet in enumerate(LOOP):
            await asyncio.sleep(max(0.0, began + packet.pts - time.monotonic()))
            recording.lane.push(packet)
            print(number + 1, flush=True)


def full(folder: Path, limit: int) -> None:
    events: list[Event] = []
    told = RecordOptions(least_free_mb=0)
    archive = Archive("record", folder / "recordings", told)
    archive.open()
    happened = threading.Semaphore(0)

    def announce(event: Event) -> None:
        print(event.name, event.detail, flush=True)
        events.append(event)
        happened.release()

    recorder = Recorder(["a"], told, archive, ["a"], announce, retry_s=0.0)
    recorder.start()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for packet in LOOP:
        recorder.take(packet)
    happened.acquire()  # it has stopped
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    seconds = 20.0
    while not happened.acquire(timeout=0.05):  # until it goes on
        for packet in later(LOOP, seconds):
            recorder.take(packet)
        seconds += 20.0
    recorder.close()
    archive.close()


if sys.argv[1] == "live":
    asyncio.run(live(Path(sys.argv[2])))
else:
    full(Path(sys.argv[2]), int(sys.argv[3]))
