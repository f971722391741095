"""What is told to those who are asked for their names."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pipeline.access.access import opened
from pipeline.access.seen import seen_by
from pipeline.config import HttpConfig
from pipeline.health import health_routes
from pipeline.remote import Away, asking
from pipeline.server import serving
from sinks.viewers import Viewer
from tests.access.house import ACCESS, TOKEN, house
from tests.observe.test_top import AT, told


async def test_anybody_may_ask_whether_it_is_ready_but_learns_no_names(tmp_path: Path) -> None:
    missing = {"stream vault": "no frame yet"}
    async with house(tmp_path, health_routes(lambda: missing), access=ACCESS) as here:
        answer = await here.client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "not_ready": 1})
        assert (await here.client.get("/livez")).text == "ok"
        missing.clear()
        assert (await here.client.get("/readyz")).status_code == 200


def test_events_of_other_streams_are_not_told() -> None:
    event = {"name": "source.lost", "detail": {}, "at": AT}
    status = {
        "recent": [{**event, "about": "lobby"}, {**event, "about": "vault"}],
        "not_ready": {"stream vault": "no frame yet"},
    }
    seen = seen_by(Viewer("ben", "viewer", frozenset({"lobby"})), status)
    assert seen["recent"] == [{**event, "about": "lobby"}]
    assert "vault" not in str(seen)
    assert "vault" in str(status)


async def test_top_comes_in_with_a_token_over_https(tmp_path: Path) -> None:
    http = HttpConfig.model_validate({"access": ACCESS, "tls": "self-signed"})
    status = lambda: msgspec.to_builtins(told())  # noqa: E731
    async with (
        opened(http, tmp_path) as access,
        serving("127.0.0.1:0", [], status, CollectorRegistry(), access) as address,
    ):
        trust = tmp_path / "framewire-tls" / "certificate.pem"
        assert await asyncio.to_thread(asking(address, TOKEN, trust)) == told()
        for token, said in ((None, "wanted a token"), ("x" * 32, "wanted another token")):
            with pytest.raises(Away, match=said):
                await asyncio.to_thread(asking(address, token, trust))
        with pytest.raises(Away, match="CERTIFICATE_VERIFY_FAILED"):
            await asyncio.to_thread(asking(address, TOKEN, None))
