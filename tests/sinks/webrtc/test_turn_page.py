"""The page, in a Chromium that may go through a TURN server only: a real coturn, on loopback."""

from pathlib import Path

import pytest

from tests.servers.turn import CREDENTIALS, TurnServer
from tests.sinks.webrtc.conftest import playing
from tests.sinks.webrtc.pages import visiting
from tests.sinks.webrtc.test_page_live import numbers_seen, show

SECRET = "what only the two of us know"

RELAYED = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(known) {
    super({ ...known, iceTransportPolicy: "relay" });
    window.peers.push(this);
  }
};
"""

# Of what kind the page's own end is, of the connection that it has.
KIND = """
async () => {
  const stats = await window.peers.at(-1).getStats();
  const pair = [...stats.values()].find((one) => one.type === "candidate-pair" && one.nominated);
  return stats.get(pair.localCandidateId).candidateType;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_page_shows_a_stream_that_comes_through_a_relay(
    tmp_path: Path, transport: str
) -> None:
    with TurnServer(tmp_path) as turn:
        servers = [{"urls": turn.url(transport), **CREDENTIALS}]
        async with (
            show(ice_servers=servers) as shown,
            visiting(shown.page, first=RELAYED) as visit,
            playing(shown.films["a"]),
        ):
            await visit.state("a", "live")
            seen = await numbers_seen(visit)
            assert await visit.page.evaluate(KIND) == "relay"
        assert len(seen) == 40
        assert visit.complaints == []


@pytest.mark.slow
async def test_the_page_gets_credentials_made_from_a_secret(tmp_path: Path) -> None:
    with TurnServer(tmp_path, "--use-auth-secret", f"--static-auth-secret={SECRET}") as turn:
        servers = [{"urls": turn.url(), "secret": SECRET}]
        async with (
            show(ice_servers=servers) as shown,
            visiting(shown.page, first=RELAYED) as visit,
            playing(shown.films["a"]),
        ):
            await visit.state("a", "live")
            assert await visit.page.evaluate(KIND) == "relay"
            assert SECRET not in await visit.page.evaluate(
                "fetch('/api/viewer').then((answer) => answer.text())"
            )


@pytest.mark.slow
async def test_the_page_shows_a_stream_though_the_server_is_silent(tmp_path: Path) -> None:
    with TurnServer(tmp_path) as turn:
        turn.freeze()
        servers = [{"urls": turn.url(), **CREDENTIALS}]
        async with (
            show(ice_servers=servers) as shown,
            visiting(shown.page) as visit,
            playing(shown.films["a"]),
        ):
            await visit.state("a", "live")
        assert visit.complaints == []
