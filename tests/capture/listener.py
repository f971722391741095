"""A tap that writes down what it hears."""

from dataclasses import dataclass, field

import av

from stages.frame import Frame
from stages.lane import Coding, Packet
from stages.picture import Picture


@dataclass(slots=True)
class Listener:
    """Everything that came, in order; `pictures` is what it asks for."""

    pictures: bool = False
    codings: list[Coding | None] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    def opened(self, coding: Coding | None) -> None:
        self.codings.append(coding)

    def packet(self, packet: Packet) -> None:
        self.packets.append(packet)

    def picture(self, frame: Frame) -> None:
        self.frames.append(frame)


def decoded(packets: list[Packet]) -> list[Picture]:
    """The pictures of packets, in the order of showing, by a decoder that knows nothing else."""
    decoder = av.CodecContext.create(packets[0].coding.codec, "r")
    frames = [frame for packet in packets for frame in decoder.decode(av.Packet(packet.data))]
    return [Picture.from_av(frame) for frame in [*frames, *decoder.decode(None)]]
