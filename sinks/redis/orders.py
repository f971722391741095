"""Commands that come over Redis: who may give one, and that it is obeyed once.

A command is an envelope `{"payload": "...", "signature": "..."}`. The payload is the text of a
JSON object (`Order`); the signature is HMAC-SHA256 over the channel's name, a line break and the
payload, in hex. The text is signed as it is: nobody has to agree on how JSON is written.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import uuid4

import msgspec

from sinks.errors import SinkError
from sinks.sink import Setting
from sinks.wire import Moment, moment

WINDOW = timedelta(seconds=30)  # that the clocks of the two may differ, and the way may take
REMEMBERED = 10_000  # ids within the window; more are refused, not forgotten
LONGEST = 16 << 10  # bytes of an envelope
SET = "set"
Who = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}$")]
"""Somebody's name, which a terminal can show."""


class Refused(SinkError):
    """A command that is not obeyed."""


class Order(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is to be done.

    id       never used before
    at       when it was given
    command  such as "snapshot"
    stream   that it is about
    node, option, value  of the command "set", which is about no stream
    by       who gives it, as they say
    """

    schema: Literal[1] = 1
    id: str
    at: Moment
    command: str
    stream: str = ""
    node: str = ""
    option: str = ""
    value: int | float | str | bool | dict[str, float] | None = None
    by: Who | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command.

    id             of the command
    why            it was refused; None if it was obeyed
    before, after  of the command "set": the values of the option
    """

    schema: Literal[1] = 1
    id: str
    command: str
    obeyed: bool
    why: str | None = None
    before: Setting = None
    after: Setting = None


class _Envelope(msgspec.Struct, frozen=True):
    payload: str
    signature: str


def sign(secret: str, channel: str, command: str, stream: str, at: datetime | None = None) -> bytes:
    """A command about a stream, as it goes over the channel.

    at  now, if not given
    """
    at = at or datetime.now(UTC)
    return sealed(
        secret, channel, Order(id=uuid4().hex, at=moment(at), command=command, stream=stream)
    )


def setting(
    node: str, option: str, value: Setting, by: str | None = None, at: datetime | None = None
) -> Order:
    """The command that gives an option of a node a value, to be `sealed`. `at`: see `sign`."""
    plain = dict(value) if isinstance(value, Mapping) else value
    at = at or datetime.now(UTC)
    return Order(
        id=uuid4().hex, at=moment(at), command=SET, node=node, option=option, value=plain, by=by
    )


def sealed(secret: str, channel: str, order: Order) -> bytes:
    """A command as it goes over the channel."""
    payload = msgspec.json.encode(order).decode()
    return msgspec.json.encode(_Envelope(payload, _signature(secret, channel, payload)))


class Gate:
    """Lets a command through if it is signed, new, and not of before.

    A recording of one is of no use: not to us, since its id is remembered as long as it is not too
    old; not after we began anew, since it is of before; and not on another channel.
    """

    def __init__(self, secret: str, channel: str, began: datetime) -> None:
        """`began`: what was given before that is refused."""
        self._secret = secret
        self._channel = channel
        self._began = began
        self._seen: dict[str, datetime] = {}

    def admit(self, data: bytes, now: datetime) -> Order:
        """The command in an envelope. Raises Refused, with a reason that tells no secret."""
        if len(data) > LONGEST:
            raise Refused(f"wanted at most {LONGEST} bytes, got {len(data)}")
        try:
            envelope = msgspec.json.decode(data, type=_Envelope)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(f"wanted an envelope with payload and signature: {error}") from None
        wanted = _signature(self._secret, self._channel, envelope.payload)
        if not hmac.compare_digest(wanted.encode(), envelope.signature.encode()):
            raise Refused("wanted a signature made with our secret, for this channel")
        try:
            order = msgspec.json.decode(envelope.payload, type=Order)
            at = datetime.fromisoformat(order.at)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            told = str(error).encode("unicode_escape").decode()  # it may quote what was sent
            raise Refused(f"signed, but no command: {told}") from None
        self._once(order, at, now)
        return order

    def _once(self, order: Order, at: datetime, now: datetime) -> None:
        if abs(now - at) > WINDOW or at < self._began:
            raise Refused(f"wanted one of the last {WINDOW.seconds} s and of this run, got {at}")
        # An id is forgotten when its command is too old to be let through again.
        self._seen = {id_: given for id_, given in self._seen.items() if now - given <= WINDOW}
        if order.id in self._seen:
            raise Refused(f"wanted a new id, got {order.id} again")
        if len(self._seen) >= REMEMBERED:
            raise Refused(f"wanted at most {REMEMBERED} commands in {WINDOW.seconds} s")
        self._seen[order.id] = at


def _signature(secret: str, channel: str, payload: str) -> str:
    told = f"{channel}\n{payload}".encode()
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
