"""From an address to redis-py's client: one server, what Sentinels name, or a Cluster."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import (
    ConnectionError,  # noqa: A004 - redis-py's own, which is no OSError
    RedisError,
)

from sinks.errors import BadSink
from sinks.redis.options import SENTINEL
from stages.capture.mask import mask

# Waits of 20, 40 and 80 ms: a server that went down and came up again meanwhile is not noticed.
RETRY = Retry(ExponentialBackoff(cap=0.1, base=0.01), 3, (ConnectionError,))
SENTINEL_PORT = 26379
NUMBERED = ("redis://", "rediss://")
DATABASE = re.compile(r"/?\d*")

Connected = Redis | RedisCluster


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis is, and how it is reached.

    url        see `RedisOptions.url`; its user, password and database number count
    give_up_s  seconds that a connection and an answer may take
    cluster    `url` is a node of a Cluster
    ca         a file of certificates, for TLS
    """

    url: str
    give_up_s: float = 1.0
    cluster: bool = False
    ca: Path | None = None

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return mask(self.url)


def connect(address: Address) -> Connected:
    """A client, which connects at its first command.

    raises  BadSink if the address is none, or `ca` holds no certificates
    """
    url, limit = address.url, address.give_up_s
    kept: dict[str, Any] = {
        "socket_timeout": limit,
        "socket_connect_timeout": limit,
        "client_name": "framewire",
    }
    tls: dict[str, Any] = {}
    if url.startswith("rediss") and address.ca is not None:
        try:
            ssl.create_default_context(cafile=address.ca)
        except (OSError, ssl.SSLError) as error:
            raise BadSink(f"ca {address.ca}: wanted certificates, got: {error}") from error
        tls["ssl_ca_certs"] = str(address.ca)
    client: Connected
    try:
        if url.startswith(SENTINEL):
            client = _by_sentinels(url, kept, tls)
        elif address.cluster:
            client = RedisCluster.from_url(url, **kept, **tls)
        else:
            client = _by_url(url, kept, tls)
    except (ValueError, TypeError, RedisError) as error:
        raise BadSink(
            f"url {address.shown}: wanted redis://, rediss://, unix:// or redis+sentinel://: "
            f"{mask(str(error))}"
        ) from None
    return client


async def disconnect(client: Connected) -> None:
    """Let go of a client's connections, and of those to the Sentinels that told its address."""
    await client.aclose()
    if isinstance(client, RedisCluster):
        return
    sentinels = getattr(client.connection_pool, "sentinel_manager", None)
    if sentinels is not None:
        await sentinels.aclose()


def _by_url(url: str, kept: dict[str, Any], tls: dict[str, Any]) -> Redis:
    if url.startswith(NUMBERED) and not DATABASE.fullmatch(urlsplit(url).path):
        raise ValueError("wanted a number of a database behind the host")  # redis-py would take 0
    client: Redis = Redis.from_url(url, retry=RETRY, **kept, **tls)
    # Finds a word in the url that means nothing.
    client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    return client


def _by_sentinels(url: str, kept: dict[str, Any], tls: dict[str, Any]) -> Redis:
    """The master of a service, as Sentinels name it; asked anew at each connection."""
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not hosts or not service or parts.query:
        raise ValueError("wanted HOST:PORT,.../SERVICE/DB, and no ?")
    if parts.scheme == "rediss+sentinel":
        tls = {**tls, "ssl": True}
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        [_host(one) for one in hosts.split(",")],
        sentinel_kwargs={**kept, **tls, "retry": Retry(NoBackoff(), 0)},  # the next may know
        **kept,
        **tls,
    )
    master: Redis = sentinels.master_for(
        service,
        retry=RETRY,
        db=int(database or 0),
        username=unquote(user) or None,
        password=unquote(password) or None,
    )
    return master


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")  # which knows IPv6
    if not parts.hostname:
        raise ValueError(f"wanted HOST:PORT, got {text!r}")
    return parts.hostname, parts.port or SENTINEL_PORT
