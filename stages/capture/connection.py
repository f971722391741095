"""One opening of a source: reads its packets, spares what nobody looks at, decodes the rest."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from av.codec.codec import Capabilities
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stages.capture.decoder import Decoded, Decoder
from stages.capture.failures import broken_off, reason
from stages.capture.nal import Disposable
from stages.capture.numbering import Numbering
from stages.capture.options import CaptureOptions
from stages.capture.packet import VideoPacket
from stages.capture.place import Kind, Place
from stages.capture.relay import Relay
from stages.capture.sparing import Sparing, Verdict
from stages.capture.wall import ClockKind, Wall
from stages.errors import SourceLost
from stages.lane import Lane
from stages.source import Demand, SourceStats
from stages.throttle import Throttle

log = structlog.get_logger()

BAD_READS = 16
"""Reads of a file that may fail in a row before the rest of it is given up."""
NO_TIMESTAMPS = 0x0080
"""FFmpeg's AVFMT_NOTIMESTAMPS: the format gives its packets no times."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is captured, the same for all connections of a stream."""

    stream: str
    place: Place
    options: CaptureOptions
    demand: Demand
    stats: SourceStats
    throttle: Throttle
    lane: Lane


class Connection:
    """Pictures from an open container, in the order of showing, until it ends.

    arrived  monotonic seconds at which the packet came that let the last picture out. Of pictures
             that are sent in another order than they are shown, that is a later one than their own
    seen     the same, of the last that let a picture out or was left undecoded on purpose; None
             before the first one ever
    """

    def __init__(
        self,
        subject: Subject,
        container: InputContainer,
        video: VideoStream,
        numbering: Numbering,
        release: Callable[[float | None], None] | None,
        seen: float | None,
    ) -> None:
        """Take over an open container; closing it is left to who opened it.

        numbering  of the stream; told of each picture that stays undecoded, and how long nothing
                   had come when the first of this connection does
        release    holds a packet, by its time of decoding, until it is due; None: no waiting
        seen       of the connection before; None: this one goes on without a gap
        """
        self.seen = seen
        self._fresh = seen is not None
        self._subject = subject
        self._container = container
        self._video = video
        self._numbering = numbering
        self._release = release
        self._counts = subject.stats.counts
        codec, place = video.codec_context, subject.place
        self._tick = float(video.time_base or 0)
        self._decoder = Decoder(
            subject.stream, video, subject.options, subject.stats, subject.throttle
        )
        self._relay = Relay(subject.stream, subject.lane, video, numbering, subject.stats)
        intra = codec.codec.intra_only
        self._sparing = Sparing(subject.demand, intra=intra)
        # One packet in, its picture out: the next packet's is the next picture.
        delays = codec.codec.capabilities & Capabilities.delay or subject.options.threads != 1
        self._in_order = intra and not delays
        self._disposable = Disposable(codec.name, codec.extradata)
        self._wall = Wall(_clock_of(place, subject.options), container, subject.stats)
        # JPEG pictures over HTTP have no time of their own: that of arrival is the best there is.
        timeless = bool(container.format.flags & NO_TIMESTAMPS)
        self._by_arrival = timeless and place.kind is not Kind.FILE
        self.arrived = self._alive = time.monotonic()
        self._patience = subject.options.first_picture_s

    def pictures(self) -> Iterator[Decoded]:
        """Read, decode and give.

        raises  SourceLost when a live source breaks off or stalls
        """
        for packet in self._packets():
            self._counts["packets"] += 1
            if self._release is not None:
                self._release(None if packet.dts is None else packet.dts * self._tick)
            self.arrived = time.monotonic()
            taken = self._wall.taken(packet, self.arrived)
            for decoded in self._decode(packet, taken):
                self._note_life(decoded.decoded)
                self._note_gap()
                yield decoded
            self._relay.take(packet, self._raw_of(packet), self._tick, self.arrived, taken)
            self._check_life()
        yield from self._decoder.rest()

    def raw_time(self, decoded: Decoded) -> float | None:
        """The picture's own timestamp in seconds, or None."""
        return self.arrived if self._by_arrival else decoded.raw

    def _decode(self, packet: VideoPacket, taken: datetime | None) -> Iterator[Decoded]:
        demand, raw, numbering = self._subject.demand, self._raw_of(packet), self._numbering
        if self._relay.wants(packet) or demand.all:
            return self._decoder.decode(packet, taken)
        if demand.none:
            self._decoder.pause()
            self._spare()
            self._note_gap()
            # Times of decoding rise where those of showing do not.
            numbering.skip(raw if packet.dts is None else packet.dts * self._tick)
            return iter(())
        verdict = self._sparing.judge(
            numbering.clock.peek(raw),
            (packet.duration or 0) * self._tick,
            number=numbering.next if self._in_order else numbering.number_at(raw),
            keyframe=packet.is_keyframe,
            disposable=self._disposable(packet),
        )
        if verdict is not Verdict.SPARE:
            numbering.hold(raw)
        if verdict is Verdict.DECODE:
            return self._decoder.decode(packet, taken)
        if verdict is Verdict.ALONE:
            return self._decoder.alone(packet, taken)
        self._decoder.leave_out(packet)
        self._spare()
        if self._in_order:
            numbering.skip(raw)
        else:
            pts = numbering.clock.peek(raw)
            numbering.spare(-math.inf if pts is None else pts)
        return iter(())

    def _spare(self) -> None:
        self._counts["spared"] += 1
        self._note_life(self.arrived)

    def _raw_of(self, packet: VideoPacket) -> float | None:
        """The timestamp that the packet's picture will have, in seconds, or None."""
        if self._by_arrival:
            return self.arrived
        return None if packet.pts is None else packet.pts * self._tick

    def _packets(self) -> Iterator[VideoPacket]:
        place, bad, ended = self._subject.place, 0, False
        while not ended and bad < BAD_READS:
            try:
                for packet in self._container.demux(self._video):
                    bad = 0
                    if packet.size:  # an empty one would tell the decoder that all is over
                        yield packet
                ended = True
            except FFmpegError as error:
                if place.kind is not Kind.FILE:
                    raise broken_off(error, place, self._subject.options.stall_s) from None
                bad += 1
                self._counts["bad_reads"] += 1
                if (held_back := self._subject.throttle.ready("bad_reads")) is not None:
                    log.warning(
                        "capture: bad read", stream=self._subject.stream, why=reason(error),
                        held_back=held_back,
                    )  # fmt: skip

    def _note_life(self, at: float) -> None:
        self._alive = at
        self._patience = self._subject.options.stall_s

    def _note_gap(self) -> None:
        if self._fresh and self.seen is not None:
            self._numbering.join(self.arrived - self.seen)
        self._fresh = False
        self.seen = self.arrived

    def _check_life(self) -> None:
        """Data may flow and yet show nothing: sound only, or pictures that cannot be decoded."""
        late = self.arrived - self._alive > self._patience
        if late and self._subject.place.kind is not Kind.FILE:
            raise SourceLost(
                f"{self._subject.place}: wanted a picture within {self._patience:g} s, "
                "got data without any"
            )


def _clock_of(place: Place, options: CaptureOptions) -> ClockKind:
    if options.clock == "arrival":
        return "none"
    if place.kind is Kind.CAMERA:
        return "monotonic"
    return "rtcp" if place.kind is Kind.URL else "none"
