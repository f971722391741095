"""TLS and SASL in front of a Kafka broker that has neither: librdkafka's for tests.

It speaks as much as is said before somebody is let in (Kafka protocol guide, "SASL Authentication
Sequence"; RFC 4616 for PLAIN, RFC 5802 for SCRAM), and passes on the rest. Of what the broker says,
its own address is put in place of the broker's, so that nobody goes round it.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import struct
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from aiokafka.protocol import metadata
from aiokafka.protocol.admin import SaslAuthenticateResponse_v0, SaslHandShakeResponse_v1
from aiokafka.protocol.types import Bytes, String

HOST = "127.0.0.1"
METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
WRONG_VERSION, NO_MECHANISM, FAILED = 35, 33, 58
MECHANISMS = {"PLAIN": "", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
NEWEST_METADATA = 5  # that aiokafka can read
ROUNDS = 4096  # RFC 7677, section 4

Login = Generator[bytes, bytes, tuple[bool, bytes]]
"""Is sent what a client says and gives what it is told; returns whether it is let in, and the last
that it is told then."""


@dataclass(slots=True)
class Door:
    """Who comes to `port` is let in by name and password.

    admitted  connections that were let in; `refused` those that were not
    """

    to: int
    users: dict[str, str]
    mechanisms: tuple[str, ...] = tuple(MECHANISMS)
    port: int = 0
    admitted: int = 0
    refused: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def cut(self) -> None:
        """End all connections: who comes again has to log in again."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, self.to)
        login: Login | None = None
        let_in = False
        try:
            while True:
                request = await _frame(reader)
                key, version, correlation = struct.unpack(">hhi", request[:8])
                body = BytesIO(request[8:])
                String("utf-8").decode(body)  # the client's name
                if key == VERSIONS and version > 2:  # another header: it asks again in an older way
                    answer = struct.pack(">hi", WRONG_VERSION, 0)
                elif key == HANDSHAKE:
                    mechanism = String("utf-8").decode(body)
                    known = mechanism in self.mechanisms
                    login = self._login(mechanism) if known else None
                    if login is not None:
                        next(login)
                    error = 0 if known else NO_MECHANISM
                    answer = SaslHandShakeResponse_v1(error, list(self.mechanisms)).encode()
                elif key == AUTHENTICATE and login is not None:
                    answer, let_in = self._step(login, Bytes.decode(body))
                elif key == VERSIONS or let_in:
                    inner_writer.write(struct.pack(">i", len(request)) + request)
                    answer = self._ours(key, version, (await _frame(inner_reader))[4:])
                else:
                    return  # as Kafka does with who has not logged in
                said = struct.pack(">i", correlation) + answer
                writer.write(struct.pack(">i", len(said)) + said)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # one of the two has left
        finally:
            inner_writer.transport.abort()
            writer.transport.abort()

    def _step(self, login: Login, token: bytes) -> tuple[bytes, bool]:
        try:
            return SaslAuthenticateResponse_v0(0, None, login.send(token)).encode(), False
        except StopIteration as end:
            let_in, last = end.value
        if let_in:
            self.admitted += 1
            return SaslAuthenticateResponse_v0(0, None, last).encode(), True
        self.refused += 1
        why = "Authentication failed: Invalid username or password"
        return SaslAuthenticateResponse_v0(FAILED, why, b"").encode(), False

    def _login(self, mechanism: str) -> Login:
        hashed = MECHANISMS[mechanism]
        return _scram(self.users, hashed) if hashed else _plain(self.users)

    def _ours(self, key: int, version: int, answer: bytes) -> bytes:
        """The broker's answer, with what is said at the door."""
        if key == VERSIONS:
            (count,) = struct.unpack(">i", answer[2:6])
            listed = [struct.unpack_from(">hhh", answer, 6 + 6 * i) for i in range(count)]
            versions = {one: (least, most) for one, least, most in listed}
            versions[METADATA] = (0, NEWEST_METADATA)
            versions |= {HANDSHAKE: (1, 1), AUTHENTICATE: (0, 0)}
            told = b"".join(struct.pack(">hhh", one, *range_) for one, range_ in versions.items())
            return answer[:2] + struct.pack(">i", len(versions)) + told + answer[6 + 6 * count :]
        if key == METADATA:
            kind = getattr(metadata, f"MetadataResponse_v{version}")
            said = kind.decode(BytesIO(answer))
            said.brokers = [(one[0], HOST, self.port, *one[3:]) for one in said.brokers]
            encoded: bytes = said.encode()
            return encoded
        return answer


def _plain(users: dict[str, str]) -> Login:
    _, user, password = (yield b"").split(b"\0")
    return users.get(user.decode()) == password.decode(), b""


def _scram(users: dict[str, str], hashed: str) -> Login:
    first = (yield b"").decode().removeprefix("n,,")
    told = dict(part.split("=", 1) for part in first.split(","))
    salt, nonce = secrets.token_bytes(16), told["r"] + secrets.token_hex(8)
    reply = f"r={nonce},s={base64.b64encode(salt).decode()},i={ROUNDS}"
    final = (yield reply.encode()).decode()
    bare, _, proof = final.rpartition(",p=")
    salted = hashlib.pbkdf2_hmac(hashed, users.get(told["n"], "").encode(), salt, ROUNDS)
    message = f"{first},{reply},{bare}".encode()
    client = hmac.digest(salted, b"Client Key", hashed)
    signature = hmac.digest(hashlib.new(hashed, client).digest(), message, hashed)
    wanted = bytes(a ^ b for a, b in zip(client, signature, strict=True))
    ours = hmac.digest(hmac.digest(salted, b"Server Key", hashed), message, hashed)
    fits = told["n"] in users and bare == f"c=biws,r={nonce}"
    fits = fits and hmac.compare_digest(wanted, base64.b64decode(proof))
    return fits, b"v=" + base64.b64encode(ours)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


@asynccontextmanager
async def guarded(
    servers: str, users: dict[str, str], tls: Path | None, **more: tuple[str, ...]
) -> AsyncIterator[Door]:
    """A door before the broker at `servers`, with the key and the certificate in `tls`."""
    door = Door(int(servers.rpartition(":")[2]), users, **more)
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    server = await asyncio.start_server(door.enter, HOST, 0, ssl=context)
    door.port = server.sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        server.close()
        await door.cut()
        await server.wait_closed()
