"""The thread that records: it takes packets and results as they come, and holds up no camera.

It looks four times a second at what has come, so that each packet costs little. What it has taken
is in the hands of the system half a second later (see `sinks.record.remux`): a process that is
killed loses less than the last second.
"""

import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection

import structlog
from av.error import FFmpegError

from sinks.record.archive import Archive
from sinks.record.options import RecordOptions
from sinks.record.segment import Said
from sinks.record.track import Track
from stages.events import Event
from stages.lane import Packet
from stages.throttle import Throttle

log = structlog.get_logger()

PERIOD = 0.25  # seconds between looks
EAGER_BYTES = 8 * 1024 * 1024  # that make it look at once: a file is read as fast as it can be
MOST_BYTES = 64 * 1024 * 1024  # that may wait: two minutes of a camera with 4 Mbit/s
LOOK_S = 1.0  # from one look at the room on the disk to the next
RETRY_S = 5.0
TIDY_S = 60.0
DISK = (OSError, sqlite3.Error)

_Item = Packet | tuple[str, Said | bool | None]
"""A packet; or what was said of a stream. None: some of its packets are missing here. A bool: from
here on it is recorded, or not."""


class Recorder:
    """Records all streams of a sink.

    lost    packets by stream that came faster than the disk took them
    unsaid  results by stream of which the same is true
    """

    def __init__(
        self,
        streams: Collection[str],
        told: RecordOptions,
        archive: Archive,
        patient: Collection[str],
        announce: Callable[[Event], None],
        retry_s: float = RETRY_S,
    ) -> None:
        """Start nothing yet.

        patient  streams whose source can be made to wait
        retry_s  from one try to record on a disk that was full to the next
        """
        self.lost: Counter[str] = Counter()
        self.unsaid: Counter[str] = Counter()
        self._archive = archive
        self._tracks = {stream: Track(stream, told, archive, announce) for stream in streams}
        self._patient = frozenset(patient)
        self._announce = announce
        self._retry_s = retry_s
        self._inbox: deque[_Item] = deque()
        self._changes: deque[Event] = deque()  # of settings, that are not in the evidence yet
        self._bytes = 0
        self._behind: set[str] = set()  # streams that have lost packets, until their next keyframe
        self._changed = threading.Condition()
        self._look = threading.Event()
        self._turns = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._throttle = Throttle()
        self._halted: str | None = None  # why nothing is recorded
        self._told: str | None = None  # why, as it was announced; until recording goes on
        self._retry = self._tidy = 0.0

    @property
    def halted(self) -> str | None:
        """Why nothing is recorded, or None."""
        return self._halted

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def take(self, packet: Packet) -> None:
        """Take the next packet of a stream, from the thread that has it."""
        with self._changed:
            if self._bytes > MOST_BYTES and packet.stream in self._patient:
                self._changed.wait_for(lambda: self._bytes <= MOST_BYTES or self._closed)
            full = self._bytes > MOST_BYTES
            if full or (packet.stream in self._behind and not packet.keyframe):
                if packet.stream not in self._behind:
                    self._behind.add(packet.stream)
                    self._inbox.append((packet.stream, None))
                self.lost[packet.stream] += 1
                return
            self._behind.discard(packet.stream)
            self._inbox.append(packet)
            self._bytes += len(packet.data)
            if self._bytes > EAGER_BYTES:
                self._look.set()

    def hear(self, stream: str, said: Said) -> None:
        """Take what was said about a picture; or about an event, if there is no line."""
        with self._changed:
            if self._bytes > MOST_BYTES:
                self.unsaid[stream] += 1
                return
            self._inbox.append((stream, said))
            self._bytes += len(said.line)

    def switch(self, stream: str, *, on: bool) -> None:
        """Record a stream, or not, from what comes next on."""
        with self._changed:
            self._inbox.append((stream, on))

    def note(self, event: Event) -> None:
        """A setting was changed; that is kept as soon as the disk takes it."""
        self._changes.append(event)

    def flush(self) -> None:
        """Wait until what has come so far has been dealt with."""
        with self._changed:
            wanted = self._turns + 2  # one may be under way that has not seen the last of it
            while self._turns < wanted and not self._closed:
                self._look.set()
                self._changed.wait(PERIOD)

    def close(self) -> None:
        """Record what has come, and end all files."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._look.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._closed:
            self._look.wait(PERIOD)
            self._look.clear()
            self._turn()
        self._turn()
        for event in self._changes:
            log.error("recording: a changed setting was not kept", node=event.about, **event.detail)
        for track in self._tracks.values():
            self._tell_lost(track)
            try:
                track.close()
            except (*DISK, FFmpegError) as error:
                track.drop("the end was not written")
                log.error("recording: the end was not written", stream=track.stream,
                          error=str(error))  # fmt: skip

    def _tell_lost(self, track: Track) -> None:
        packets, results = self.lost[track.stream], self.unsaid[track.stream] + track.lost
        if packets or results:
            log.warning("recording: not all was kept", stream=track.stream, packets=packets,
                        results=results)  # fmt: skip

    def _turn(self) -> None:
        with self._changed:
            inbox, self._inbox, self._bytes = self._inbox, deque(), 0
            self._changed.notify_all()
        now = time.monotonic()
        try:
            self._check(now)
            for one in inbox:
                if not isinstance(one, Packet) and isinstance(one[1], bool):
                    self._tracks[one[0]].switch(now, on=one[1])
                elif self._halted is None:
                    self._handle(one, now)
            if self._halted is None:
                while self._changes:
                    self._archive.changed(self._changes[0])
                    self._changes.popleft()
                self._settle(now)
        except DISK as error:
            self._halt(error, now)
        except Exception as error:
            log.error("recording: a fault of ours", exc_info=error)
            self._halt(error, now)
        with self._changed:
            self._turns += 1
            self._changed.notify_all()

    def _handle(self, one: _Item, now: float) -> None:
        if isinstance(one, Packet):
            track = self._tracks[one.stream]
            try:
                track.packet(one, now)
            except FFmpegError as error:
                track.drop("packets that are none")
                if (held_back := self._throttle.ready("packets")) is not None:
                    log.error("recording: packets that are none", stream=one.stream,
                              error=str(error), held_back=held_back)  # fmt: skip
        elif isinstance(said := one[1], Said):
            self._tracks[one[0]].hear(said, now)
        else:
            self._tracks[one[0]].miss("the disk was too slow")

    def _settle(self, now: float) -> None:
        tracks = self._tracks.values()
        for track in tracks:
            track.settle(now)
        if self._told is not None and any(t.segment and t.segment.bytes for t in tracks):
            log.info("recording: goes on", after=self._told)
            self._announce(Event("recording.resumed", self._archive.node, {"after": self._told}))
            self._told = None
        if now >= self._tidy:
            self._tidy = now + TIDY_S
            self._archive.tidy()

    def _check(self, now: float) -> None:
        """Whether there is room; if there is again, go on."""
        if now < self._retry:
            return
        why = self._archive.room()
        if why is not None:
            self._halt(OSError(why), now)
            return
        self._archive.prepare()
        if self._halted is not None:
            self._archive.mend()
            self._halted = None
        self._retry = now + LOOK_S

    def _halt(self, error: Exception, now: float) -> None:
        self._retry = now + self._retry_s
        self._halted = str(getattr(error, "strerror", None) or error)
        for track in self._tracks.values():
            track.drop(self._halted)
        if self._told is None:
            self._told = self._halted
            log.error("recording: stopped", why=self._halted, retry_s=self._retry_s)
            self._announce(Event("recording.stopped", self._archive.node, {"why": self._halted}))
