"""WHEP: how a player asks for a stream over HTTP (draft-ietf-wish-whep).

POST    /whep/{stream}       an offer; 201 with our answer and where the session is
PATCH   /whep/{stream}/{id}  more of the viewer's candidates; 204
DELETE  /whep/{stream}/{id}  the end; 200
OPTIONS                      what is taken; 204
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sinks.errors import SinkError
from stages.throttle import Throttle

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
MOST_BYTES = 64 * 1024
BODY_S = 5.0  # for a viewer to send its few KiB
NO_STORE = {"Cache-Control": "no-store"}

log = structlog.get_logger()
