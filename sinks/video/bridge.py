"""From a camera's last keyframe to its next: what a viewer sees who comes in between.

Packets that came since a keyframe seconds ago would have to be sent, and decoded, all at once. So
they are decoded here, and encoded anew from the present picture on, until the camera's own next
keyframe: once, for all who wait for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import av
from av.video.codeccontext import VideoCodecContext

from sinks.annotate import shown_size
from sinks.video.encoding import Encoding
from sinks.video.encoding_thread import EncodingThread
from sinks.video.image import image_of
from stages.lane import Packet
from stages.picture import Picture


class Bridge:
    """Decodes and encodes one stream, in a thread of its own, from a group of pictures on."""

    def __init__(
        self,
        group: Sequence[Packet],
        encoding: Encoding,
        give: Callable[["Bridge", Packet], None],
        *,
        present: bool,
    ) -> None:
        """Begin behind `group`.

        give     gets this bridge and each packet that it makes, the first one a keyframe
        present  the picture of the last packet of `group` is the first
        """
        self._encoding = encoding
        self._coding = group[-1].coding
        decoder = av.CodecContext.create(self._coding.codec, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_count = 1
        decoder.thread_type = "SLICE"
        self._decoder = decoder
        self._encoder = EncodingThread(
            # It lasts for seconds: not worth one of NVENC's few sessions, nor the time to open it.
            group[-1].stream,
            replace(encoding, encoder="x264"),
            lambda packet: give(self, packet),
            whole=True,
        )
        packets = tuple(group)

        def begin() -> av.VideoFrame | None:
            image = self._image(packets)
            return image if present else None

        self._encoder.offer(packets[-1], begin)

    def take(self, packet: Packet) -> None:
        """The next packet of the camera."""
        self._encoder.offer(packet, lambda: self._image((packet,)))

    def want_keyframe(self) -> None:
        """Someone else has come, or has lost something."""
        self._encoder.want_keyframe(at_once=False)

    def close(self) -> None:
        """End it, with what waits undone; its thread leaves when it can."""
        self._encoder.close(wait=False)

    def _image(self, packets: Sequence[Packet]) -> av.VideoFrame:
        """The picture of the last of these packets, or the newest there is."""
        newest: av.VideoFrame | None = None
        for packet in packets:
            for frame in self._decoder.decode(av.Packet(packet.data)):
                newest = frame
        if newest is None:
            raise ValueError("no picture came out of the decoder")
        picture = Picture.from_av(newest)
        return image_of(picture, shown_size(picture.size, 2, self._encoding.width))
