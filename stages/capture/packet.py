"""The type of a coded picture: only to type checkers do PyAV's packets name their stream's kind."""

from typing import TYPE_CHECKING, TypeAlias

import av

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    VideoPacket: TypeAlias = av.Packet[VideoStream]
else:
    VideoPacket = av.Packet
