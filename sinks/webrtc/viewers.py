"""All who watch, through one sink."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from sinks.webrtc.broadcast import Broadcast
from sinks.webrtc.errors import Refused
from sinks.webrtc.offer import Codec, read_candidates, read_offer
from sinks.webrtc.session import Session
from sinks.webrtc.vp8 import Attachable, Vp8
from stages.capture.ice import Ice, IceServer


class Viewers:
    """Lets viewers in, up to a number, and forgets those who have left.

    ice               STUN and TURN servers, for us and for them
    lost, unsaid      pictures and overlay messages that those did not get who have left
    sent, sent_bytes  pictures that those got, and the bytes of video in them
    """

    def __init__(
        self,
        videos: Mapping[str, Attachable],
        ice: Sequence[IceServer] = (),
        most: int = 100,
        patience_s: float = 10.0,
        vp8_kbps: int = 4000,
        profile: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Nobody watches yet. Made on the event loop.

        videos      by stream
        ice         STUN and TURN servers; without any, none is asked, whatever aiortc's default
        most        viewers at once
        patience_s  for a viewer to connect
        vp8_kbps    kilobits a second at most, for viewers that take no H.264
        profile     that of a stream's H.264 now, empty where it is not known
        """
        self.broadcasts: Mapping[Codec, Mapping[str, Broadcast]] = {
            "h264": {stream: Broadcast(video) for stream, video in videos.items()},
            "vp8": {stream: Broadcast(Vp8(video, vp8_kbps)) for stream, video in videos.items()},
        }
        self.lost = self.unsaid = self.sent = self.sent_bytes = 0
        self.ice = Ice(ice)
        self._profile = profile
        self._most = most
        self._patience = patience_s
        self._sessions: dict[str, Session] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many watch, or are about to."""
        return len(self._sessions)

    async def join(self, stream: str, body: bytes) -> tuple[Session, str]:
        """Let a viewer in who has sent an offer.

        returns  the session and our answer
        raises   Refused: 404 no such stream, 400 no offer, 406 no codec of ours, 503 too many
        """
        if stream not in self.broadcasts["h264"]:
            raise Refused(404, f"wanted one of the streams of this viewer, got {stream!r}")
        offer = read_offer(body)
        if len(self._sessions) >= self._most:
            raise Refused(503, f"wanted at most {self._most} viewers, which are there")
        session = Session(
            stream, offer.codec, self._profile(stream), self.broadcasts[offer.codec][stream],
            self.ice, self._patience, self._forget,
        )  # fmt: skip
        self._sessions[session.id] = session
        try:
            return session, await session.answer(offer)
        except BaseException:
            self._forget(session)
            raise

    async def add_candidates(self, stream: str, name: str, body: bytes) -> None:
        """Take a fragment with candidates. Raises Refused: 404 no such session, 400 no fragment."""
        await self._known(stream, name).add(read_candidates(body))

    async def leave(self, stream: str, name: str) -> None:
        """End a session. Raises Refused 404 if there is none."""
        session = self._known(stream, name)
        self._forget(session)
        await session.close()

    def say(self, stream: str, message: bytes) -> None:
        """Send an overlay message to all who watch a stream."""
        for session in self._sessions.values():
            if session.stream == stream:
                session.say(message)

    def watching(self, stream: str) -> int:
        """How many are connected to a stream."""
        return sum(one.stream == stream and one.connected for one in self._sessions.values())

    def waste(self) -> tuple[int, int]:
        """Pictures and overlay messages that viewers did not get, so far."""
        here = self._sessions.values()
        return (
            self.lost + sum(session.outbox.lost for session in here),
            self.unsaid + sum(session.unsaid for session in here),
        )

    def counts(self) -> dict[str, float]:
        """What `Sink.counts` tells of them."""
        here = self._sessions.values()
        lost, unsaid = self.waste()
        return {
            "viewers": sum(session.connected for session in here),
            "sent_pictures_total": self.sent + sum(session.sender.sent for session in here),
            "sent_bytes_total": self.sent_bytes + sum(one.sender.sent_bytes for one in here),
            "lost_pictures_total": lost,
            "lost_messages_total": unsaid,
        }

    async def close(self) -> None:
        """Send everybody away."""
        for session in list(self._sessions.values()):
            self._forget(session)
        while self._closing:
            await asyncio.wait(set(self._closing))

    def _known(self, stream: str, name: str) -> Session:
        session = self._sessions.get(name)
        if session is None or session.stream != stream:
            raise Refused(404, "no such session: it has ended, or never was")
        return session

    def _forget(self, session: Session) -> None:
        if self._sessions.pop(session.id, None) is None:
            return
        self.lost += session.outbox.lost
        self.unsaid += session.unsaid
        self.sent += session.sender.sent
        self.sent_bytes += session.sender.sent_bytes
        task = asyncio.get_running_loop().create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
