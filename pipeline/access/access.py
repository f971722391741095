"""Who may look, put together from a config: what the server's door and its login page share."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import structlog
from starlette.exceptions import HTTPException
from starlette.types import Scope

from pipeline.access.audit import Audit
from pipeline.access.buckets import Buckets, caller, retry_after
from pipeline.access.certificate import CertificateFiles, certificate_files, names_of
from pipeline.access.grants import Seal
from pipeline.access.origin import own_names
from pipeline.access.people import People
from pipeline.config.http import HttpConfig
from sinks.viewers import NOBODY, Viewer
from stages.throttle import Throttle

log = structlog.get_logger()

BURST_S = 10.0  # a page with its modules and pictures is fetched at once
ENDED_MAX = 10_000  # sessions that were logged out of, remembered until they would have ended


class Access:
    """What is known of those who come, and what they have used up.

    people   None: everybody may do all
    seal     of sessions and links
    """

    def __init__(self, http: HttpConfig, folder: Path = Path()) -> None:
        """From the config; relative paths start in `folder`. No file is touched yet."""
        limits = http.limits
        secret = http.access.secret if http.access else None
        self.http = http
        self.seal = Seal(secret.get_secret_value() if secret else secrets.token_bytes(32))
        self.people = People(http.access, self.seal) if http.access else None
        self.audit = Audit(None if http.audit is None else folder / http.audit)
        self.names = own_names(http.names, self.host)
        self.requests = Buckets(limits.requests_per_s, limits.requests_per_s * BURST_S)
        self._logins = Buckets(limits.logins_per_minute / 60, limits.logins_per_minute)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._folder = folder
        self._ended: dict[str, float] = {}
        self._throttle = Throttle()

    @property
    def host(self) -> str:
        """On which the server listens."""
        return (self.http.listen or "").rpartition(":")[0].strip("[]") or "127.0.0.1"

    def certificate(self) -> CertificateFiles | None:
        """What to serve HTTPS with, made if need be. Raises BadCertificate. It may block."""
        if self.http.tls is None:
            return None
        names = names_of(self.host, self.http.names)
        return certificate_files(self.http.tls, self._folder, names)

    def note(self, scope: Scope, viewer: Viewer) -> Callable[[str, Mapping[str, object]], None]:
        """What writes into the audit log that a caller has done something."""
        address = address_of(scope)
        return lambda event, details: self.audit.note(event, viewer, address, details)

    def refused(self, scope: Scope, viewer: Viewer, what: str, why: str) -> None:
        """Somebody was sent away: told in the audit log, and once a second in the other one."""
        self.note(scope, viewer)("refused", {"what": what, "why": why})
        if (held_back := self._throttle.ready(why)) is not None:
            log.warning("refused", what=what, why=why, at=address_of(scope), held_back=held_back)

    async def proven(
        self, scope: Scope, how: str, name: str, check: Callable[[], Awaitable[Viewer | None]]
    ) -> Viewer:
        """Who somebody is that says who they are.

        how     "login", "basic", "bearer"
        name    that was given; one that nobody has may be a password, and is not written down
        check   looks whether it is true
        raises  HTTPException 401 if not; 429, without looking, after too many wrong ones
        """
        who = caller(address_of(scope))
        async with self._turns.setdefault(who, asyncio.Lock()):  # else many are wrong at once
            if wait := self._logins.wait(who):
                self.refused(scope, NOBODY, how, "too many wrong passwords")
                said = "too many wrong passwords; wait a little"
                raise HTTPException(429, said, retry_after(wait))
            viewer = await check()
            if viewer is None:
                self._logins.take(who)
        if viewer is None:
            known = self.people is not None and self.people.viewer(name) is not None
            named = Viewer(name, "viewer", frozenset()) if known else NOBODY
            self.refused(scope, named, how, "wrong name or password")
            raise HTTPException(401, "wrong name, password or token")
        return viewer

    def end(self, session: str, until: float) -> None:
        """A session was logged out of: from now on it lets nobody in."""
        self._ended[session] = until
        if len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def ended(self, session: str) -> bool:
        """Whether a session was logged out of."""
        return session in self._ended


@asynccontextmanager
async def opened(http: HttpConfig, folder: Path) -> AsyncIterator[Access]:
    """Who may look, while the block runs. Raises OSError if the audit log cannot be written."""
    access = Access(http, folder)
    await access.audit.open()
    try:
        yield access
    finally:
        await access.audit.close()


def address_of(scope: Scope) -> str:
    """From where a request came."""
    client = scope.get("client")
    return client[0] if client else "unknown"
