"""WHIP: how somebody publishes a stream to us over HTTP (RFC 9725).

POST    /whip/{stream}       an offer; 201 with our answer and where the session is
PATCH   /whip/{stream}/{id}  more of the publisher's candidates; 204
DELETE  /whip/{stream}/{id}  the end; 200
OPTIONS                      what is taken; 204

The streams are those of the config whose `source` is `whip`.
"""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sinks.viewers import note, only_admin, viewer_of
from sinks.webrtc.errors import Refused
from sinks.webrtc.whep import FRAGMENT, SDP, allowed, body, created, refusal
from stages.capture.whip import BadOffer, Publisher, Taken, WhipSource


class Whip:
    """The routes by which publishers come and go, one at a time for each stream."""

    def __init__(self, sources: Mapping[str, WhipSource]) -> None:
        """`sources` by stream."""
        self._sources = sources
        self._publishers: dict[str, Publisher] = {}

    def routes(self) -> Sequence[BaseRoute]:
        """None where no stream is published."""
        if not self._sources:
            return ()
        return (
            Route("/whip/{stream}", self._stream, methods=["POST", "OPTIONS"]),
            Route("/whip/{stream}/{id}", self._session, methods=["PATCH", "DELETE", "OPTIONS"]),
        )

    async def aclose(self) -> None:
        """Send all away."""
        while self._publishers:
            await self._publishers.popitem()[1].close()

    async def _stream(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return allowed("POST, OPTIONS", {"Accept-Post": SDP}, self._links(request))
        try:
            return await self._publish(request)
        except Refused as refused:
            return refusal(request, refused)

    async def _session(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return allowed("PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT})
        try:
            return await (self._patch if request.method == "PATCH" else self._delete)(request)
        except Refused as refused:
            return refusal(request, refused)

    async def _publish(self, request: Request) -> Response:
        # It brings aiortc, which takes 0.3 s to import: by who publishes first.
        from sinks.webrtc.offer import read_publication  # noqa: PLC0415

        stream = request.path_params["stream"]
        who = only_admin(request, f"publish {stream}")
        if stream not in self._sources or not who.may_watch(stream):
            raise Refused(404, f"wanted a stream with `source: whip`, got {stream!r}")
        offer = read_publication(await body(request, SDP))
        try:
            publisher = await self._sources[stream].publish(offer.sdp)
        except Taken as error:
            raise Refused(409, str(error)) from error
        except BadOffer as error:
            raise Refused(400, str(error)) from error
        await publisher.add(offer.candidates)
        self._publishers[stream] = publisher
        note(request, "publish", {"stream": stream})
        return created(request, publisher.id, publisher.answer, self._links(request))

    def _links(self, request: Request) -> Sequence[str]:
        """The stream's ICE servers, for who may publish it."""
        who, stream = viewer_of(request), request.path_params["stream"]
        known = stream in self._sources and who.admin and who.may_watch(stream)
        return self._sources[stream].ice.links() if known else ()

    async def _patch(self, request: Request) -> Response:
        from sinks.webrtc.offer import read_candidates  # noqa: PLC0415

        publisher = self._known(request)
        await publisher.add(read_candidates(await body(request, FRAGMENT)))
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        publisher = self._known(request)
        note(request, "unpublish", {"stream": request.path_params["stream"]})
        del self._publishers[request.path_params["stream"]]
        await publisher.close()
        return Response(status_code=200)

    def _known(self, request: Request) -> Publisher:
        only_admin(request, f"publish {request.path_params['stream']}")
        publisher = self._publishers.get(request.path_params["stream"])
        if publisher is None or publisher.over or publisher.id != request.path_params["id"]:
            raise Refused(404, "no such session: it has ended, or never was")
        return publisher
