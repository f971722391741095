"""HTTPS: a connection that has so many seconds to agree on TLS, and counts from its first byte.

uvicorn would leave the handshake to asyncio, which waits for a minute and counts nobody: whoever
opens connections and says nothing would take all descriptors of the process.
"""

import asyncio
import ssl
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pipeline.access.certificate import CertificateFiles


def tls_context(files: CertificateFiles) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with a certificate that is known to be good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    return context


def over_tls(
    connection: type[H11Protocol], context: ssl.SSLContext, connections_max: int, seconds: float
) -> type[asyncio.Protocol]:
    """The class of connections that become a `connection` once TLS is agreed on.

    connections_max  at a time, with those that are not that far yet; one more is closed at once
    """

    class Handshake(asyncio.Protocol):
        """Agrees on TLS, then hands over."""

        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            self.transport: asyncio.Transport | None = None
            self._connection = connection(config, server_state, app_state, _loop)
            self._connections: set[Any] = server_state.connections
            self._early = bytearray()
            self._task: asyncio.Task[None] | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            """Begin; nothing is read before TLS is in between."""
            if not isinstance(transport, asyncio.Transport):
                raise TypeError(f"wanted a stream, got {transport!r}")
            self.transport = transport
            self._connections.add(self)  # so that the server can hang up when it stops
            if len(self._connections) > connections_max:
                transport.abort()
                return
            transport.pause_reading()
            self._task = asyncio.create_task(self._shake(transport), name="tls")

        async def _shake(self, transport: asyncio.Transport) -> None:
            loop = asyncio.get_running_loop()
            try:
                secured = await loop.start_tls(
                    *(transport, self, context), server_side=True, ssl_handshake_timeout=seconds
                )
            except OSError:  # of ssl too: plain HTTP, no common version, gone, too slow
                transport.abort()
                return
            finally:
                self._connections.discard(self)
            if secured is None or secured.is_closing():
                return
            self._connection.connection_made(secured)
            secured.set_protocol(self._connection)
            if self._early and not secured.is_closing():
                self._connection.data_received(bytes(self._early))

        def data_received(self, data: bytes) -> None:
            """What came with the end of the handshake: at most some records of 16 KiB."""
            self._early += data

        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
            """It has gone."""
            self._connections.discard(self)

        def shutdown(self) -> None:
            """The server stops."""
            if self.transport is not None:
                self.transport.abort()

    return Handshake
