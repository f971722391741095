"""Who is known: users with passwords and tokens, and what each may do."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.access.grants import Grant, Seal
from pipeline.config.http import AccessConfig, UserConfig
from sinks.viewers import Viewer

if TYPE_CHECKING:
    from argon2 import PasswordHasher

PASSWORD_MAX = 1024  # bytes; hashing takes longer the longer it is
AT_ONCE = 2  # checks of passwords at a time: each takes 64 MiB and some 50 ms of a core
SURE_S = 300.0  # a password that was right is not hashed again so soon: Basic sends it each time
SURE_MAX = 1000
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43
"""A hash of no password: a name that nobody has takes as long to refuse as one that is known."""


class People:
    """The users of a config."""

    def __init__(
        self, access: AccessConfig, seal: Seal, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Look up by name and by token; `seal` has signed the grants."""
        self._seal = seal
        self._users = dict(access.users)
        self._tokens = {
            _digest(user.token.get_secret_value()): name
            for name, user in self._users.items()
            if user.token is not None
        }
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._sure: OrderedDict[bytes, float] = OrderedDict()
        self._pepper = secrets.token_bytes(32)

    def viewer(self, name: str, until: float | None = None) -> Viewer | None:
        """Somebody by name; `until` is UTC, in seconds since 1970."""
        user = self._users.get(name)
        if user is None:
            return None
        streams = None if user.streams is None else frozenset(user.streams)
        end = None if until is None else datetime.fromtimestamp(until, UTC)
        return Viewer(name, user.role, streams, end)

    def entry(self, name: str) -> str:
        """A mark of somebody's password and token: another one once either has changed."""
        user = self._users.get(name)
        return "" if user is None else self._seal.mark(_entry(name, user))

    def by_token(self, token: str) -> Viewer | None:
        """Whose token it is."""
        name = self._tokens.get(_digest(token))  # of digests: timing tells nothing of a token
        return None if name is None else self.viewer(name)

    def by_grant(self, grant: Grant) -> Viewer | None:
        """Who comes with a session or a link that is good."""
        if grant.kind == "link":
            end = datetime.fromtimestamp(grant.until, UTC)
            return Viewer(f"link:{grant.name}", "viewer", frozenset(grant.streams), end)
        if not hmac.compare_digest(grant.entry, self.entry(grant.name)):
            return None
        return self.viewer(grant.name, grant.until)

    async def by_password(self, name: str, password: str) -> Viewer | None:
        """Whose name and password, or name and token, they are."""
        viewer = self.by_token(password)
        if viewer is not None:
            return viewer if viewer.name == name else None
        if len(password.encode()) > PASSWORD_MAX:
            return None
        user = self._users.get(name)
        known = user is not None and user.password is not None
        hashed = user.password.get_secret_value() if user and user.password else NOBODYS
        right = await self._right(name, hashed, password)
        return self.viewer(name) if right and known else None

    async def _right(self, name: str, hashed: str, password: str) -> bool:
        mark = hmac.digest(self._pepper, f"{name}\0{hashed}\0{password}".encode(), "sha256")
        if self._sure.get(mark, 0.0) > self._clock():
            return True
        async with self._slots:
            right = await asyncio.to_thread(_verify, hashed, password)
        if right:
            self._sure[mark] = self._clock() + SURE_S
            self._sure.move_to_end(mark)
            if len(self._sure) > SURE_MAX:
                self._sure.popitem(last=False)
        return right


def hash_password(password: str) -> str:
    """What a config keeps of a password: argon2id, the second choice of RFC 9106, 4: 64 MiB."""
    return _hasher().hash(password)


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # noqa: PLC0415 - only where there are passwords

    return PasswordHasher()


def _verify(hashed: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _entry(name: str, user: UserConfig) -> str:
    parts = [name, *(s.get_secret_value() if s else "" for s in (user.password, user.token))]
    return "\0".join(parts)
