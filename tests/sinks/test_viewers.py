"""Who looks, as a route sees it."""

from collections.abc import Mapping

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sinks.viewers import (
    EVERYBODY,
    NOBODY,
    Viewer,
    looked,
    note,
    only_admin,
    viewer_of,
    watching,
)

LOBBY = Viewer("ben", "viewer", frozenset({"lobby"}))


def request(viewer: Viewer | None = None) -> tuple[Request, list[tuple[str, dict[str, object]]]]:
    """A request as it comes through the door, and what is noted of it."""
    noted: list[tuple[str, dict[str, object]]] = []

    def write(event: str, details: Mapping[str, object]) -> None:
        noted.append((event, dict(details)))

    state = {} if viewer is None else {"viewer": viewer, "note": write}
    return Request({"type": "http", "state": state, "headers": []}), noted


def test_where_no_server_asks_nobody_sees_anything() -> None:
    for asked in (request()[0], Request({"type": "http", "headers": []})):
        assert viewer_of(asked) is NOBODY
        assert viewer_of(asked).watchable(["lobby", "vault"]) == []
        looked(asked, "lobby", "snapshot")  # and there is no log
        watching(asked, "lobby", "mjpeg").end()


def test_rights_are_per_stream_and_everybody_has_all() -> None:
    assert LOBBY.watchable(["vault", "lobby"]) == ["lobby"]
    assert EVERYBODY.watchable(["vault", "lobby"]) == ["vault", "lobby"]
    assert not LOBBY.may_watch("lobb")


def test_a_watch_begins_and_ends_once() -> None:
    asked, noted = request(LOBBY)
    with watching(asked, "lobby", "webrtc") as watch:
        watch.end()
    watch.end()
    about = {"stream": "lobby", "how": "webrtc"}
    assert [event for event, _ in noted] == ["watch", "watched"]
    assert noted[0][1] == about
    assert about.items() < noted[1][1].items()
    assert 0 <= float(str(noted[1][1]["seconds"])) < 60


def test_only_an_admin_changes_things() -> None:
    asked, noted = request(LOBBY)
    with pytest.raises(HTTPException, match="publish: wanted an admin, got a viewer"):
        only_admin(asked, "publish")
    assert noted == [("refused", {"what": "publish", "why": "not an admin"})]
    asked, noted = request(EVERYBODY)
    assert only_admin(asked, "publish") is EVERYBODY
    note(asked, "published", {"stream": "lobby"})
    assert noted == [("published", {"stream": "lobby"})]
