"""All faults by name."""

from tests.chaos import (
    bitstream,
    cameras,
    clock,
    descriptors,
    disk,
    hang,
    killed,
    neighbour,
    soak,
    workers,
)
from tests.chaos.fault import Fault

FAULTS: dict[str, Fault] = {
    "rtsp-killed": Fault(
        "back within 2 s of the server, outage events exact, the other stream's fps unchanged",
        cameras.killed, full=20, short=2,
    ),
    "rtsp-frozen": Fault(
        "back within 2 s of the server, outage events exact, the other stream's fps unchanged",
        cameras.frozen, full=20, short=1,
    ),
    "worker-killed": Fault(
        "its frame accounted as failed, a result of the next within 2 s, no shared memory left",
        workers.killed, full=2, short=0.17, unit="minutes",
    ),
    "stage-hangs": Fault(
        "given up, its frame accounted as failed, at work again, others unharmed",
        hang.stuck, full=20, short=2,
    ),
    "ours-killed": Fault(
        "recordings play, lines are whole, the ledger on disk tells what was in flight, no child "
        "and no shared memory left",
        killed.ours, full=10, short=2,
    ),
    "disk-full": Fault(
        "sink.lost and sink.back, other sinks unharmed, films play, lines are whole",
        disk.full, full=5, short=1,
    ),
    "clock-jumps": Fault(
        "nothing but wall-clock times jumps: no event, no drop, pts and latencies go on",
        clock.jumps, full=5, short=1,
    ),
    "descriptors": Fault(
        "descriptors.short and .enough, what is open goes on, the camera and viewers come back",
        descriptors.short, full=5, short=1,
    ),
    "neighbour": Fault(
        "stream.degraded of the lower priority, stream.restored by itself, no frame failed",
        neighbour.hungry, full=3, short=1,
    ),
    "damaged": Fault(
        "no crash, no outage, no leak, damaged pictures marked",
        bitstream.damaged, full=10, short=0.5, unit="minutes",
    ),
    "soak": Fault(
        "memory, threads and descriptors flat, no outage",
        soak.flat, full=30, short=3, unit="minutes",
    ),
}  # fmt: skip
