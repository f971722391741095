"""All faults by name."""

from tests.chaos import cameras, workers
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
}  # fmt: skip
