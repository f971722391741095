"""By what name the server is called, and which site's page calls it.

A page of another site can make a browser send requests here. DNS rebinding: its name suddenly means
our address, so that the browser takes us for that site; hence only names that are ours are answered
to, and addresses, which nobody can rebind. Cross-site requests (CSRF): browsers name the site in
`Origin`; what changes something is taken from our own pages and from sites named in the config.
"""

import socket
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

SAFE = ("GET", "HEAD", "OPTIONS")  # RFC 9110, 9.2.1


def own_names(names: Collection[str], host: str) -> frozenset[str]:
    """The names that the server answers to: those of the config, and this machine's.

    host  on which it listens
    """
    return frozenset({*machine_names(), host.lower(), *(name.lower() for name in names)})


def machine_names() -> set[str]:
    """What this machine is called, in its network (multicast DNS) too."""
    here = socket.gethostname().lower()
    return {"localhost", here, here if "." in here else f"{here}.local"}


def check_host(headers: Headers, names: Collection[str]) -> None:
    """Whether the server is called by a name that is its own. Raises HTTPException 421 if not."""
    hosts = headers.getlist("host")
    called = _host(hosts[0]) if len(hosts) == 1 else None
    if called is None:
        raise HTTPException(400, "Host: wanted a name, or an address, once")
    if called in names or _is_address(called):
        return
    raise HTTPException(421, f"Host: wanted an address or a name under http.names, got {called}")


def check_origin(method: str, scheme: str, headers: Headers, origins: Collection[str]) -> None:
    """Whether a request that may change something is from a page of ours, or from no page.

    scheme   "http" or "https", by which it came
    origins  other sites that may do that
    raises   HTTPException 403 if not
    """
    if method in SAFE:
        return
    # Neither header can be set by a page's script. `Origin` is null for forms of pages that keep
    # their address to themselves; `Sec-Fetch-Site` comes only over HTTPS and from this machine.
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site == "same-origin":
        return
    if origin is None:
        if site in {None, "none"}:  # no browser sends neither of both here: it is a program
            return
        raise HTTPException(403, "Origin: wanted one, got none from a page of another site")
    if origin in origins or origin.lower() == f"{scheme}://{headers.get('host', '').lower()}":
        return
    raise HTTPException(403, "Origin: wanted a page of this server or a site under http.origins")


def _host(value: str) -> str | None:
    """The host of `host:port` or `[address]:port`, in small letters."""
    try:
        parts = urlsplit(f"//{value}")
        parts.port  # noqa: B018 - raises ValueError if it is none
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or "@" in value or "?" in value or "#" in value:
        return None
    return parts.hostname


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
