"""Several datagrams in one call of the system, where it can do that (Linux, UDP_SEGMENT).

A picture is ten packets or a hundred, of two sizes. Handing them over one by one is most of what a
viewer costs.
"""

import socket
from asyncio import DatagramTransport
from collections.abc import Iterator, Sequence
from struct import Struct

UDP_SEGMENT = 103  # linux/udp.h
MOST_SEGMENTS = 64  # UDP_MAX_SEGMENTS of kernels before 6.9
MOST_BYTES = 64_000
_SIZE = Struct("=H")
Address = tuple[str, int]


class Datagrams:
    """Sends through the socket of a transport, in order with what the transport sends."""

    def __init__(self, transport: DatagramTransport) -> None:
        """Share the transport's socket, until `close`."""
        self._transport = transport
        shared = transport.get_extra_info("socket")
        self._socket: socket.socket | None = None
        if shared is not None and hasattr(socket.socket, "sendmsg"):
            own: socket.socket = shared.dup()
            own.setblocking(False)
            self._socket = own

    def send(self, packets: Sequence[bytes], to: Address) -> None:
        """Send them all; what the system does not take now waits in the transport."""
        for group in alike(packets):
            if len(group) == 1 or not self._sent(group, to):
                for packet in group:
                    self._transport.sendto(packet, to)

    def unsent(self) -> int:
        """Bytes that wait."""
        waiting = getattr(self._transport, "get_write_buffer_size", None)
        return 0 if waiting is None else int(waiting())

    def close(self) -> None:
        """Let go of the socket; the transport keeps its own."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _sent(self, group: Sequence[bytes], to: Address) -> bool:
        if self._socket is None or self.unsent():
            return False
        told = [(socket.IPPROTO_UDP, UDP_SEGMENT, _SIZE.pack(len(group[0])))]
        try:
            self._socket.sendmsg(group, told, 0, to)
        except BlockingIOError:
            return False
        except OSError:  # this network card, or this system, cannot: not now, not later
            self.close()
            return False
        return True


def alike(packets: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Parts that the system can cut again: all as long as the first, the last maybe shorter."""
    begin = 0
    while begin < len(packets):
        size = len(packets[begin])
        most = begin + min(MOST_SEGMENTS, max(1, MOST_BYTES // max(1, size)))
        end = begin + 1
        while end < min(most, len(packets)) and len(packets[end]) == size:
            end += 1
        if end < min(most, len(packets)) and len(packets[end]) < size:
            end += 1
        yield packets[begin:end]
        begin = end
