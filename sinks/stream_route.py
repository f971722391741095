"""Routes under the name of a stream, which several sinks may have, each for streams of its own."""

from collections.abc import Awaitable, Callable, Collection, Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

NAME = "{name}"


class StreamRoute(Route):
    """A route that is there for some streams only, such as those that reach its sink.

    streams  by which `{name}` in the path it is
    shared   other sinks may have the same for the same streams: the first of them answers
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        streams: Collection[str],
        *,
        shared: bool = False,
    ) -> None:
        """See the class."""
        super().__init__(path, endpoint)
        self.streams = streams
        self.shared = shared

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """None for the name of another stream, so that the next route is asked."""
        match, child = super().matches(scope)
        if match is not Match.NONE and child["path_params"]["name"] not in self.streams:
            return Match.NONE, {}
        return match, child


def paths_of(route: BaseRoute) -> Iterator[str]:
    """What a route takes that no other one may have too."""
    if not isinstance(route, StreamRoute):
        yield getattr(route, "path", "")
    elif not route.shared:
        for stream in route.streams:
            yield route.path.replace(NAME, stream)
