"""One stream as coded video, for as many readers as there are: coded at most once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from math import inf
from typing import Literal

import av

from sinks.annotate import Size, annotated, shown_size
from sinks.sink import Delivery, SinkContext
from sinks.video.bridge import Bridge
from sinks.video.encoding import Coder, Encoding
from sinks.video.encoding_thread import EncodingThread
from sinks.video.group import Group
from sinks.video.image import image_of, image_of_bgr
from stages.events import Event
from stages.frame import Frame
from stages.lane import Coding, Lane, Packet
from stages.stage import unheard

Reader = Callable[[Packet], None]
Refuse = Callable[[Coding], str | None]
Path = Literal["passthrough", "encode"]

BURST_S = 0.5
"""Seconds of video that a new reader is given at once; rather than more, it is given a bridge."""

INTRA = frozenset({"mjpeg", "prores", "rawvideo", "dnxhd", "ffv1", "huffyuv"})
"""Codecs of which every picture stands alone: these need not be decoded before somebody looks."""


class Subscription:
    """One reader of a `Video`."""

    def __init__(self, video: "Video", reader: Reader) -> None:
        self.bridged = False  # it gets packets of the bridge, not of the camera
        self._video = video
        self._reader = reader
        self._begun = False
        self.dts = -inf  # of the last packet given

    def want_keyframe(self) -> None:
        """It has lost packets, and can show nothing until a keyframe comes."""
        self._video.want_keyframe(self)

    def close(self) -> None:
        """It wants no more."""
        self._video.leave(self)

    def give(self, packet: Packet) -> None:
        """Pass a packet on, from the first keyframe on."""
        if packet.dts <= self.dts:  # a bridge may begin with the picture that it has seen last
            return
        self._begun = self._begun or packet.keyframe
        if self._begun:
            self.dts = packet.dts
            self._reader(packet)

    def begin_anew(self, *, bridged: bool = False) -> None:
        """What comes next does not follow from what came before."""
        self._begun, self.bridged = False, bridged


class Video:
    """A tap on a stream's lane that gives coded video.

    Packets pass through as they came where the readers can take them and nothing has to be drawn
    or hidden; else pictures are encoded, while anybody reads. Readers are called in the thread
    that has the packet and must not block; the first packet that one gets is a keyframe.

    path  "passthrough" or "encode"
    why   a sentence that says what made it so
    """

    def __init__(  # noqa: PLR0913 - all but the first four have a default
        self,
        stream: str,
        lane: Lane | None,
        encoding: Encoding,
        refuse: Refuse,
        *,
        guards: Sequence[str] = (),
        burn: bool = False,
        whole: bool = False,
        announce: Callable[[Event], None] = unheard,
    ) -> None:
        """Take part in nothing yet: see `open`.

        lane    None: the stream is guarded, there is nothing but what `draw` is given
        refuse  why its readers cannot take packets of some coding, or None if they can
        guards  the privacy nodes of the stream, which may hide parts of its pictures
        burn    results are drawn into them
        whole   no picture may be lost, whatever that holds up, and none is encoded that need not
                be: who comes between two keyframes gets all since the last
        announce  hears when an encoder is given up for another
        """
        self.path: Path = "encode"
        self.why = "nothing has come yet"
        if guards:
            self.why = f"{', '.join(guards)} may hide parts of it"
        elif burn:
            self.why = "results are drawn into it (`burn: true`)"
        self._stream = stream
        self._lane = lane
        self._encoding = encoding
        self._refuse = refuse
        self._guards = guards
        self._burn = burn
        self._whole = whole
        self._coding: Coding | None = None
        self._size: Size = (0, 0)
        self._last: Packet | None = None
        self._readers: tuple[Subscription, ...] = ()
        self._group = Group()
        self._bridge: Bridge | None = None
        self._encoder = EncodingThread(stream, encoding, self._encoded, announce, whole=whole)
        self._lock = threading.RLock()  # a reader may ask for a keyframe while it is given a packet
        self._detach: Callable[[], None] | None = None

    @classmethod
    def of(
        cls,
        stream: str,
        context: SinkContext,
        encoding: Encoding,
        refuse: Refuse,
        *,
        burn: bool,
        whole: bool = False,
    ) -> "Video":
        """The video of one of a sink's streams."""
        lane, guards = context.lanes.get(stream), context.guards.get(stream, ())
        return cls(
            stream, lane, encoding, refuse,
            guards=guards, burn=burn, whole=whole, announce=context.announce,
        )  # fmt: skip

    # For whoever reads ------------------------------------------------------------------------

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec that readers get."""
        return self._coding.codec if self.path == "passthrough" and self._coding else "h264"

    @property
    def coder(self) -> Coder | None:
        """What encodes it; None while it passes through, and before the first picture."""
        return self._encoder.coder if self.path == "encode" else None

    @property
    def fallbacks(self) -> int:
        """How often NVENC was given up for x264."""
        return self._encoder.fallbacks

    @property
    def size(self) -> Size:
        """(width, height) in pixels of what readers get; (0, 0) before it is known."""
        return self._size

    @property
    def last(self) -> Packet | None:
        """The newest packet."""
        return self._last

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    @property
    def encoded(self) -> int:
        """Pictures encoded so far."""
        return self._encoder.encoded

    @property
    def lost(self) -> int:
        """Pictures that came faster than they could be encoded."""
        return self._encoder.lost

    @property
    def drawn(self) -> bool:
        """Whether its pictures come from `draw`, and not from the lane."""
        return self._burn or bool(self._guards)

    def attach(self, reader: Reader) -> Subscription:
        """Begin to read. What can be shown already is given at once."""
        one = Subscription(self, reader)
        with self._lock:
            if self.path == "passthrough" and self._group.seconds > BURST_S and not self._whole:
                self._cross(one)
            elif self.path == "passthrough":
                for packet in self._group.packets:
                    one.give(packet)
            else:
                self._encoder.want_keyframe(at_once=True)
            self._readers = (*self._readers, one)
        return one

    def leave(self, one: Subscription) -> None:
        """End what `attach` began."""
        with self._lock:
            self._readers = tuple(other for other in self._readers if other is not one)

    def want_keyframe(self, one: Subscription) -> None:
        """A reader can show nothing until one comes. Of a camera there is no asking."""
        with self._lock:
            if self.path == "encode":
                self._encoder.want_keyframe(at_once=False)
            elif not self._whole:
                self._cross(one)

    # For the sink -----------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to listen to the lane."""
        if self._lane is not None and not self.drawn:
            self._detach = self._lane.attach(self)

    def draw(self, delivery: Delivery) -> "Future[None]":
        """Give a picture with what is to be drawn or hidden.

        returns  done when it has been encoded, or left out: nobody reads, or it is not `drawn`
        """
        if not (self.drawn and self._readers):
            return _done()
        if not self._burn:
            delivery = replace(delivery, nodes=(), recent={})
        self._size = self._shown(delivery.frame)
        return self._encoder.offer(delivery.frame, lambda: self._annotated(delivery))

    def close(self) -> None:
        """Let go of the lane and end the encoder."""
        if self._detach is not None:
            self._detach()
        with self._lock:
            self._end_bridge()
        self._encoder.close()

    # As a tap ---------------------------------------------------------------------------------

    @property
    def pictures(self) -> bool:
        """See `Tap`. A stream that is not decoded all along could not be shown at once."""
        if self.path == "passthrough":
            return False
        coding = self._coding
        return bool(self._readers) or not (coding is None or coding.codec in INTRA)

    def opened(self, coding: Coding | None) -> None:
        """See `Tap`."""
        if coding is None:
            refusal: str | None = "the source gives pictures, not packets"
        else:
            refusal = self._refuse(coding)
        with self._lock:
            self._coding = coding
            self._group.clear()
            self._end_bridge()
            self.path = "passthrough" if refusal is None else "encode"
            self.why = refusal or "readers can take the packets as they come"
            if coding is not None and refusal is None:
                self._size = coding.size
            for one in self._readers:
                one.begin_anew()
        self._encoder.want_keyframe(at_once=True)

    def packet(self, packet: Packet) -> None:
        """See `Tap`."""
        if self.path == "passthrough":
            with self._lock:
                self._group.take(packet)
                if packet.keyframe:
                    self._end_bridge()
                if self._bridge is not None:
                    self._bridge.take(packet)
                self._spread(packet)

    def picture(self, frame: Frame) -> None:
        """See `Tap`."""
        if self.path == "encode" and self._readers:
            self._size = size = self._shown(frame)
            done = self._encoder.offer(frame, lambda: image_of(frame.picture, size))
            if self._whole:
                done.result()

    def _encoded(self, packet: Packet) -> None:
        with self._lock:
            if self.path == "encode":  # a last one may come when the source has changed
                self._spread(packet)

    def _spread(self, packet: Packet) -> None:
        with self._lock:
            self._last = packet
            for one in self._readers:
                if not one.bridged:
                    one.give(packet)

    def _cross(self, one: Subscription) -> None:
        """Let a reader have the present picture, and those up to the next keyframe, encoded."""
        if not self._group.packets:
            return
        if self._bridge is None:
            present = one.dts < self._group.packets[-1].dts
            self._bridge = Bridge(
                self._group.packets, self._encoding, self._crossed, present=present
            )
        else:
            self._bridge.want_keyframe()
        if not one.bridged:
            one.begin_anew(bridged=True)

    def _crossed(self, bridge: Bridge, packet: Packet) -> None:
        with self._lock:
            if bridge is self._bridge:
                for one in self._readers:
                    if one.bridged:
                        one.give(packet)

    def _end_bridge(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.close()
            for one in self._readers:
                if one.bridged:
                    one.begin_anew()

    def _shown(self, frame: Frame) -> Size:
        return shown_size(frame.picture.size, 2, self._encoding.width)

    def _annotated(self, delivery: Delivery) -> av.VideoFrame:
        frame = delivery.frame
        pixels = annotated(
            frame, delivery.nodes, self._shown(frame),
            recent=delivery.recent, guards=self._guards,
        )  # fmt: skip
        return image_of_bgr(pixels)


def _done() -> "Future[None]":
    done: Future[None] = Future()
    done.set_result(None)
    return done
