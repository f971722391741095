"""The capture thread of a stream: reads its source into the graph, again after each break."""

import threading
import time
from collections.abc import Callable

import structlog

from pipeline.gate import Gate
from stages.capture.backoff import Backoff
from stages.errors import BadFile, SourceError, SourceLost, SourceRefused
from stages.events import Event
from stages.frame import Frame
from stages.source import Source
from stages.throttle import Throttle

log = structlog.get_logger()

REFUSED_PAUSE = 30.0  # seconds before a live source that refused us is asked again: a wrong
# password tried every second may lock the account


class Capture:
    """One stream's thread.

    outages   how often the source went away
    downtime  seconds without it, those of the outage that goes on now included
    failed    why it ended for good without coming to its end, or None
    """

    def __init__(
        self,
        stream: str,
        source: Source,
        backoff: Backoff,
        gate: Gate,
        enter: Callable[[Frame], None],
        announce: Callable[[Event], None],
        ended: Callable[[], None],
    ) -> None:
        """`ended` is called, from the thread, when nothing more will come."""
        self.stream = stream
        self.source = source
        self._backoff = backoff
        self.outages = 0
        self.failed: str | None = None
        self._downtime = 0.0
        self._lost_at: float | None = None
        self._flowing_since: float | None = None
        self._flowed_once = False
        self._gate = gate
        self._enter = enter
        self._announce = announce
        self._ended = ended
        self._stopping = threading.Event()
        self._over = False
        self._connected_at_stop: bool | None = None
        self._entering = threading.Lock()  # held while a frame goes in, or is refused
        self._throttle = Throttle()
        self._thread = threading.Thread(target=self._work, name=f"capture-{stream}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether frames are coming, as far as is known; after a `stop`, whether they were."""
        if self._connected_at_stop is not None:
            return self._connected_at_stop
        return self._thread.is_alive() and not self._over and self._lost_at is None

    @property
    def known(self) -> bool:
        """Whether a frame has come, or it is known that none does."""
        return self._flowed_once or self.outages > 0 or self._over

    @property
    def downtime(self) -> float:
        """Seconds without the source."""
        lost_at = self._lost_at
        return self._downtime + (0.0 if lost_at is None else time.monotonic() - lost_at)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to leave; it does so after the frame it is reading."""
        self._connected_at_stop = self.connected
        self._stopping.set()
        self._gate.close()

    def settle(self, deadline: float) -> bool:
        """Wait, until `deadline` (monotonic seconds), for a frame that is going in.

        returns  whether it is in, or there is none

        After a `stop`, no frame will come any more then, though the thread may still wait for its
        source.
        """
        settled = self._entering.acquire(timeout=max(0.0, deadline - time.monotonic()))
        if settled:
            self._entering.release()
        return settled

    def join(self, deadline: float) -> bool:
        """Wait for the thread until `deadline` (monotonic seconds); tells whether it has left."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._read_for_good()
        except Exception as error:  # the thread's end: nobody above would hear of it
            self.failed = f"{type(error).__name__}: {error}"
            log.exception("capture failed", stream=self.stream)
            self._announce(Event("source.failed", self.stream, {"error": self.failed}))
        finally:
            self._over = True
            self._ended()

    def _read_for_good(self) -> None:
        while not self._stopping.is_set():
            try:
                self._read()
                break
            except SourceRefused as error:
                if isinstance(error, BadFile) or not self.source.live:
                    self.failed = str(error)
                    log.error("source refused", stream=self.stream, error=str(error))
                    self._announce(Event("source.refused", self.stream, {"error": str(error)}))
                    return
                pause = REFUSED_PAUSE
                self._note_loss(error)
            except SourceLost as error:
                pause = self._backoff.next(self._flowed())
                self._note_loss(error)
            self._stopping.wait(pause)
        if not self._stopping.is_set():
            self._announce(Event("source.ended", self.stream))

    def _read(self) -> None:
        self._flowing_since = None
        frames = self.source.frames()
        try:
            for frame in frames:
                if self._flowing_since is None:
                    self._note_flow()
                self._gate.wait()
                with self._entering:
                    if self._stopping.is_set():
                        return
                    self._enter(frame)
                del frame  # while the source waits for the next, this one may go
        finally:
            close = getattr(frames, "close", None)
            if close is not None:
                close()

    def _note_loss(self, error: SourceError) -> None:
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self.outages += 1
            self._announce(Event("source.lost", self.stream, {"error": str(error)}))
        if (held_back := self._throttle.ready()) is not None:
            log.warning("source away", stream=self.stream, error=str(error), held_back=held_back)

    def _flowed(self) -> float:
        since = self._flowing_since
        return 0.0 if since is None else time.monotonic() - since

    def _note_flow(self) -> None:
        self._flowing_since = time.monotonic()
        self._flowed_once = True
        if self._lost_at is None:
            return
        away = self.downtime - self._downtime
        self._downtime += away
        self._lost_at = None
        self._announce(Event("source.back", self.stream, {"away_s": round(away, 3)}))
        log.info("source back", stream=self.stream, away_s=round(away, 3))
