"""Servers that help two ends of a WebRTC connection to find each other. None is asked unnamed."""

import asyncio
import base64
import hmac
import re
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import structlog
from pydantic import Field, field_validator, model_validator

from stages.stage import Options
from stages.throttle import Throttle

if TYPE_CHECKING:
    from aioice import Connection
    from aiortc import RTCConfiguration, RTCIceTransport, RTCPeerConnection

GATHER_S = 2
"""Seconds that an answer waits for the servers: TURN over TLS and 200 ms away takes 0.8 s, and a
packet of UDP that is lost is sent again after 0.5 s and after 1.5 s (RFC 8489, section 6.2.1)."""
RELEASE_S = 1.0
"""Seconds that a TURN server has to confirm that it no longer relays; it forgets by itself."""
LIFETIME_S = 3600
"""In which what is made from a secret opens a relay; coturn 4.6.1 lets go on what has begun then.
The page asks for new credentials every 3 s. The server's clock may be off by as much."""
TELL_S = 60.0
"""Seconds between two lines in the log about a server that does not help."""

_HOST = r"[\w.-]+(:\d{1,5})?"
ICE_URL = re.compile(
    rf"stuns?:{_HOST}|turn:{_HOST}(\?transport=(udp|tcp))?|turns:{_HOST}(\?transport=tcp)?"
)

log = structlog.get_logger()


class IceServer(Options):
    """A server that helps others, behind other networks, to reach this machine."""

    urls: tuple[str, ...] = Field(
        min_length=1, description="Such as `stun:10.0.0.1:3478` or `turn:10.0.0.1?transport=udp`."
    )
    username: str | None = Field(None, description="For TURN.")
    credential: str | None = Field(
        None, repr=False, description="For TURN; viewers are told it: better give a `secret`."
    )
    secret: str | None = Field(
        None,
        repr=False,
        description="For TURN, instead of `username` and `credential`: the server's "
        "`static-auth-secret`. Viewers are told credentials made from it, good for an hour.",
    )

    @field_validator("urls", mode="before")
    @classmethod
    def _several(cls, urls: object) -> object:
        return (urls,) if isinstance(urls, str) else urls

    @field_validator("urls")
    @classmethod
    def _known(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if ICE_URL.fullmatch(url) is None:
                raise ValueError(
                    "wanted stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT, the last two maybe "
                    f"with ?transport=tcp, and for IPv6 a name, got {url!r}"
                )
        return urls

    @model_validator(mode="after")
    def _may_be_asked(self) -> Self:
        """A browser opens no connection at all with a TURN server that it has no credentials of."""
        named = bool(self.username), bool(self.credential)
        if self.secret and any(named):
            raise ValueError("wanted username and credential, or secret, got both")
        if not self.secret and not all(named) and any(url.startswith("turn") for url in self.urls):
            raise ValueError("a TURN server: wanted username and credential, or secret, got less")
        return self

    def told(self) -> dict[str, Any]:
        """As a browser takes it: urls, and username and credential as they are good from now on.

        Those of a `secret` are made as draft-uberti-behave-turn-rest-00, section 2.2, has it.
        """
        username, credential = self.username, self.credential
        if self.secret:
            username = f"{int(time.time()) + LIFETIME_S}:framewire"
            code = hmac.digest(self.secret.encode(), username.encode(), "sha1")
            credential = base64.b64encode(code).decode()
        known = {"username": username, "credential": credential}
        return {"urls": [*self.urls], **{key: one for key, one in known.items() if one}}

    def links(self) -> list[str]:
        """The same as Link headers (RFC 9725, section 4.6). None of what no header can carry."""
        told = self.told()
        named = ""
        for key in ("username", "credential"):
            text = told.get(key, "")
            if not (text.isascii() and text.isprintable()):
                return []
            quoted = text.replace("\\", r"\\").replace('"', r"\"")
            named += f'; {key}="{quoted}"'
        named += '; credential-type="password"'
        return [
            f'<{url}>; rel="ice-server"{named if url.startswith("turn") else ""}'
            for url in self.urls
        ]


class Ice:
    """What connections of one sink or source do with its servers.

    We ourselves ask the first `stun:` and the first TURN server; aiortc knows no more.
    """

    def __init__(self, servers: Sequence[IceServer] = ()) -> None:
        """Ask nobody yet."""
        self._servers = tuple(servers)
        self._throttle = Throttle(TELL_S)
        self._asking: set[asyncio.Task[None]] = set()

    def configuration(self) -> "RTCConfiguration":
        """What a connection is made with now: without a list, aiortc asks a public server."""
        # It takes 0.3 s to import, which only who has viewers or publishers should wait for.
        from aiortc import RTCConfiguration, RTCIceServer  # noqa: PLC0415

        return RTCConfiguration([RTCIceServer(**one) for one in self.told()])

    def told(self) -> list[dict[str, Any]]:
        """The servers as a browser takes them, for the other side."""
        return [server.told() for server in self._servers]

    def links(self) -> list[str]:
        """The same as Link headers."""
        return [link for server in self._servers for link in server.links()]

    async def describe(self, peer: "RTCPeerConnection") -> None:
        """Set our description, with all our candidates, and wait for no server for long.

        aioice would wait 5 s for one that does not answer, and say nothing; and a minute at the
        end of a connection, for one that no longer answers.
        """
        connections = [one._connection for one in transports(peer)]
        for one in connections:
            gather = partial(one.get_component_candidates, timeout=GATHER_S)
            setattr(one, "get_component_candidates", gather)  # noqa: B010 - a method, to mypy
        await peer.setLocalDescription()
        for one in connections:
            self._tame_relays(one)
            self._look(one)

    def _look(self, connection: "Connection") -> None:
        """Tell of servers that gave nothing."""
        found = {candidate.type for candidate in connection.local_candidates}
        stun, turn = connection.stun_server, connection.turn_server
        if stun is not None and "srflx" not in found and self._ready("stun"):
            log.warning("no STUN", server="{}:{}".format(*stun), why="no answer")
        if turn is not None and "relay" not in found and self._ready("turn"):
            task = asyncio.ensure_future(_tell_why(connection))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def _tame_relays(self, connection: "Connection") -> None:
        """Let what goes through a TURN server end soon, and tell what waits to be sent to it."""
        for protocol in connection._protocols:
            relay = protocol.transport
            if (turn := getattr(relay, "_TurnTransport__inner_protocol", None)) is not None:
                setattr(turn, "delete", partial(self._release, turn))  # noqa: B010
                waiting = turn.transport.get_write_buffer_size
                setattr(relay, "get_write_buffer_size", waiting)  # noqa: B010

    async def _release(self, turn: Any) -> None:
        """Give an allocation back; break off where that takes long.

        Over TCP all that waits to be sent would have to go first.
        """
        try:
            async with asyncio.timeout(RELEASE_S):
                await type(turn).delete(turn)
        except TimeoutError:
            turn.transport.abort()
            if self._ready("release"):
                why = f"no answer at the end in {RELEASE_S:g} s"
                log.warning("no TURN", server="{}:{}".format(*turn.server), why=why)

    def _ready(self, subject: str) -> bool:
        return self._throttle.ready(subject) is not None


def transports(peer: "RTCPeerConnection") -> "set[RTCIceTransport]":
    """The ways that a connection has or looks for: one, where the other side bundles."""
    found = {one.receiver.transport.transport for one in peer.getTransceivers()}
    if peer.sctp is not None:
        found.add(peer.sctp.transport.transport)
    return found


async def _tell_why(connection: "Connection") -> None:
    """Ask a TURN server once more, for aioice keeps its words to itself."""
    from aioice.stun import TransactionError  # noqa: PLC0415
    from aioice.turn import create_turn_endpoint  # noqa: PLC0415

    server = connection.turn_server
    assert server is not None
    try:
        async with asyncio.timeout(GATHER_S):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                server,
                connection.turn_username,
                connection.turn_password,
                ssl=connection.turn_ssl,
                transport=connection.turn_transport,
            )
    except TimeoutError:
        why = f"no answer in {GATHER_S} s"
    except (OSError, TransactionError) as error:
        why = str(error)
    else:
        transport.close()
        why = f"it took longer than {GATHER_S} s, and answers now"
    log.warning("no TURN", server="{}:{}".format(*server), why=why)
