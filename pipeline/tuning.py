"""What a process that carries pictures wants of OpenCV, of Python and of the C library.

docs/decisions/0019-room-for-the-lane-that-is-watched.md has the figures.
"""

import ctypes
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

import cv2

SWITCH_S = 0.0005  # after which a thread asks another for Python's lock; by default 10 times that
IDLE = 19  # how nice a thread is that has the cores only when nobody else wants them

# Of malloc.h of glibc, and bytes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
TRIM, MMAP = (
    64 << 20,
    32 << 20,
)  # what an arena may keep; what is asked of the system piece by piece


def tune() -> None:
    """For this process, before its threads begin."""
    # Every node and stream has a thread of its own; OpenCV's would only get in their way.
    cv2.setNumThreads(1)
    # A thread that comes back from OpenCV or from a queue asks for the lock many times a picture.
    sys.setswitchinterval(SWITCH_S)
    # Each picture takes some megabytes several times over. Given back to the system every time,
    # their pages are made and cleared anew: 1,500 of them for one picture of 720p.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP)
        mallopt(M_TRIM_THRESHOLD, TRIM)


def step_back(nice: int) -> None:
    """Let the calling thread, and those that it starts, give way to others; for good.

    nice  as of Linux, 0 to 19. With 19 it is idle (SCHED_IDLE) as well: whoever wakes up takes its
          core at once, and not when its slice of some milliseconds is over
    """
    _step_back(threading.get_native_id(), nice)


def step_back_whole(nice: int) -> None:
    """Let all threads of this process give way to others, those of its libraries too; for good."""
    for thread in Path("/proc/self/task").iterdir() if nice else ():
        with suppress(ProcessLookupError):  # it has just ended
            _step_back(int(thread.name), nice)


def _step_back(thread: int, nice: int) -> None:
    if nice:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
        if nice == IDLE and sys.platform == "linux":
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
