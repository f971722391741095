"""One stream's recording: which packets go into which segment, and which results beside it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sinks.record.index import Span
from sinks.record.mend import EVENT
from sinks.record.options import RecordOptions
from sinks.record.ring import Ring
from sinks.record.segment import Said, Segment
from sinks.wire import encode, event_message, moment
from stages.events import Event
from stages.lane import Packet
from stages.stage import unheard

LATE_S = 10.0
"""Seconds that a result may come after its picture: a node may be slow, or far behind."""
WAITING = 5_000  # results that may wait for their packets, or for an event
GAP_S = 2.0  # without a packet, from which on some are missing; of slow streams, four steps
MB = 1_000_000
SWITCHED_OFF = "switched off"


class Keeper(Protocol):
    """Where a track's segments are kept: see `sinks.record.archive`."""

    def begin(self, first: Packet) -> Segment:
        """A new segment."""
        ...

    def end(self, segment: Segment) -> None:
        """Its video is over."""
        ...

    def seal(self, segment: Segment) -> None:
        """Nothing more will be said about it."""
        ...

    def give_up(self, segment: Segment) -> None:
        """It cannot be written any more."""
        ...

    def mark(self, span: Span) -> None:
        """An event has begun, or goes on."""
        ...

    def gap(self, stream: str, start: datetime, end: datetime, why: str) -> None:
        """Nothing was recorded of a stream from one moment to another."""
        ...


@dataclass(slots=True)
class _Late:
    """A segment whose video is over; until when, in monotonic seconds, results are waited for."""

    segment: Segment
    until: float


class Track:
    """Used by one thread. What a method raises is what the disk, the index or FFmpeg raise.

    segment  being written, or None
    lost     results that came too late for any segment
    off      somebody has said that nothing is to be recorded
    """

    def __init__(
        self,
        stream: str,
        told: RecordOptions,
        keeper: Keeper,
        announce: Callable[[Event], None] = unheard,
    ) -> None:
        """Wait for the first keyframe."""
        self.stream = stream
        self.segment: Segment | None = None
        self.lost = 0
        self.off = False
        self._told = told
        self._keeper = keeper
        self._announce = announce
        self._ring = Ring(told.pre_s + LATE_S) if told.mode == "events" else None
        self._late: list[_Late] = []
        self._waiting: deque[Said] = deque(maxlen=WAITING)
        self._event: Span | None = None
        self._last: Packet | None = None
        self._step = 0.0
        self._newest = float("-inf")
        self._gap: tuple[datetime, str] | None = None  # since when there is none, and why

    def packet(self, packet: Packet, now: float) -> None:
        """Take the next packet. `now`: monotonic seconds."""
        missing = self._missing(packet)
        if self._gap is not None and self.segment is not None:
            self._tell_gap(packet)
        if packet.keyframe:
            self._at_keyframe(packet, now, missing=missing)
        if self.segment is not None:
            self.segment.add(packet)
        elif self._ring is not None:
            self._ring.take(packet)
        if self._event is not None and packet.pts > self._event.end_pts + self._told.post_s:
            self._end_event()
        self._last = packet
        self._newest = max(self._newest, packet.pts)

    def hear(self, said: Said, now: float) -> None:
        """Take what was said about a picture, whose packet may not have come yet."""
        if said.line:
            self._waiting.append(said)
        if said.event and self._told.mode != "continuous":
            self._note_event(said)
            if self._told.mode == "events" and self.segment is None and not self.off:
                self._begin_before(said.pts, now)

    def settle(self, now: float) -> None:
        """Put what was said where it belongs, hand it to the system, seal what nobody adds to."""
        waiting, self._waiting = self._waiting, deque(maxlen=WAITING)
        oldest = None if self._ring is None else self._ring.pts
        for said in waiting:
            if said.pts > self._newest:
                self._waiting.append(said)
            elif (segment := self._holding(said.pts)) is not None:
                segment.say(said)
            elif oldest is not None and said.pts >= oldest:
                self._waiting.append(said)
            else:
                self.lost += 1
        for one in self._open():
            one.flush()
        for late in [one for one in self._late if one.until <= now]:
            self._late.remove(late)
            self._keeper.seal(late.segment)

    def close(self) -> None:
        """The stream is over."""
        self._newest = float("inf")
        if self._event is not None:
            self._end_event()
        if self.segment is not None:
            self._end(0.0)
        self.settle(float("inf"))

    def switch(self, now: float, *, on: bool) -> None:
        """Record nothing from here on; or again, from the next keyframe on."""
        if self.off == on:
            self.off = not on
            if self.off and self.segment is not None:
                self.miss(SWITCHED_OFF)
                self._end(now)

    def miss(self, why: str) -> None:
        """Packets are missing from here to the next that is recorded."""
        if self._gap is None and self._last is not None:
            self._gap = (self._last.captured_at, why)

    def drop(self, why: str) -> None:
        """Let go of what is being written, as far as it got; nothing is raised."""
        if self.segment is not None:
            self.miss(why)
        open_ones, self.segment, self._late = self._open(), None, []
        for segment in open_ones:
            self._keeper.give_up(segment)
        if self._ring is not None:
            self._ring.clear()

    # What begins and ends ---------------------------------------------------------------------

    def _at_keyframe(self, packet: Packet, now: float, *, missing: bool) -> None:
        segment, ring, last = self.segment, self._ring, self._last
        other = missing or (last is not None and packet.coding != last.coding)
        if segment is not None:
            long = packet.pts - segment.pts >= self._told.segment_s
            large = segment.bytes >= self._told.segment_mb * MB
            if other or long or large or not self._wanted(packet.pts):
                self._end(now)
        elif ring is not None and other:
            ring.clear()
        if self.segment is None and self._wanted(packet.pts):
            if ring is not None:
                ring.clear()
            self.segment = self._keeper.begin(packet)
            if self._gap is not None:
                self._tell_gap(packet)

    def _begin_before(self, pts: float, now: float) -> None:
        """Record from the ring: what came before an event."""
        assert self._ring is not None
        packets = self._ring.since(pts - self._told.pre_s)
        if not packets:
            return
        self.segment = self._keeper.begin(packets[0])
        for packet in packets:
            long = packet.pts - self.segment.pts >= self._told.segment_s
            if packet.keyframe and long:
                self._end(now)
                self.segment = self._keeper.begin(packet)
            self.segment.add(packet)

    def _end(self, now: float) -> None:
        segment, self.segment = self.segment, None
        assert segment is not None
        self._late.append(_Late(segment, now + LATE_S))
        self._keeper.end(segment)

    def _wanted(self, pts: float) -> bool:
        if self.off:
            return False
        if self._told.mode != "events":
            return True
        return self._event is not None and pts <= self._event.end_pts + self._told.post_s

    def _missing(self, packet: Packet) -> bool:
        """Whether packets are missing before this one; if so, that is noted."""
        last = self._last
        if last is None:
            return False
        step, self._step = self._step, abs(packet.dts - last.dts)
        if self._step <= max(GAP_S, 4 * step):
            return False
        if self.segment is not None:
            self.miss("no packets came")
        return True

    def _tell_gap(self, packet: Packet) -> None:
        gap, self._gap = self._gap, None
        if gap is not None:
            self._keeper.gap(self.stream, gap[0], packet.captured_at, gap[1])

    # What was said ----------------------------------------------------------------------------

    def _open(self) -> list[Segment]:
        late = [one.segment for one in self._late]
        return late if self.segment is None else [*late, self.segment]

    def _holding(self, pts: float) -> Segment | None:
        """The segment in which a picture is; of two that meet there, the later."""
        for segment in reversed(self._open()):
            if segment.pts <= pts and (segment is self.segment or pts <= segment.end_pts):
                return segment
        return None

    def _note_event(self, said: Said) -> None:
        event = self._event
        if event is not None and said.pts <= event.end_pts + self._told.post_s:
            end, end_pts = max(event.end, said.captured_at), max(event.end_pts, said.pts)
            self._event = Span(self.stream, event.start, end, event.pts, end_pts)
            return
        if event is not None:
            self._end_event()
        at = said.captured_at
        self._event = Span(self.stream, at, at, said.pts, said.pts)
        self._tell(self._event)
        self._announce(Event(EVENT, self.stream, {"pts": round(said.pts, 6), "at": moment(at)}))

    def _end_event(self) -> None:
        event, self._event = self._event, None
        assert event is not None
        self._tell(event)

    def _tell(self, span: Span) -> None:
        """Into the index, and beside the video, from which the index can be made anew."""
        event = Event(
            EVENT, self.stream,
            {
                "pts": round(span.pts, 6), "end_pts": round(span.end_pts, 6),
                "start": moment(span.start), "end": moment(span.end),
            },
        )  # fmt: skip
        self._waiting.append(Said(span.pts, span.start, encode(event_message(event)) + b"\n"))
        self._keeper.mark(span)
