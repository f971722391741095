"""A stream's gate: shut while a link that must not lose its frames is full.

`block` holds back the source, never a worker: a worker that waited for room behind it could wait
for itself. So only the capture thread of the stream ever stands here, and a blocking link may pass
its size by the few frames that were already on their way.
"""

import threading


class Gate:
    """Shut while at least one link holds it."""

    def __init__(self) -> None:
        self._holds = 0
        self._closed = False
        self._moved = threading.Condition()

    def hold(self) -> None:
        """A blocking link of the stream has filled up."""
        with self._moved:
            self._holds += 1

    def release(self) -> None:
        """A blocking link has room again."""
        with self._moved:
            self._holds -= 1
            if self._holds == 0:
                self._moved.notify_all()

    def close(self) -> None:
        """Let everybody pass for good: the pipeline ends."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()

    @property
    def open(self) -> bool:
        """Whether a frame may pass now."""
        return self._holds == 0 or self._closed

    def wait(self) -> None:
        """Stand here until every link of the stream has room, or the pipeline ends."""
        if not self.open:
            with self._moved:
                self._moved.wait_for(lambda: self.open)
