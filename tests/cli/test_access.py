"""`framewire password`, `token`, `link`, and a run that others can reach."""

import json
import re
import signal
import ssl
from itertools import islice
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from pipeline.access.grants import Seal
from pipeline.cli import app
from tests.pipeline.test_run import framewire as running
from tests.pipeline.test_run import wait_for

TOKEN, SECRET = "t" * 32, "s" * 40
CONFIG = """\
streams:
  lobby: { source: testcard, size: 160x120 }
  vault: { source: testcard, size: 160x120 }
sinks: { page: { sink: mjpeg, from: capture } }
http:
  listen: "LISTEN"
  tls: self-signed
  audit: audit.jsonl
  access:
    users: { wall: { token: "${WALL_TOKEN}" } }
    secret: "${LINK_SECRET}"
"""
SECRETS = {"WALL_TOKEN": TOKEN, "LINK_SECRET": SECRET}


def framewire(*arguments: str | Path, said: str = "", **environment: str) -> Result:
    runner = CliRunner(env=SECRETS | environment)
    return runner.invoke(app, [str(argument) for argument in arguments], input=said)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.replace("LISTEN", "0.0.0.0:8443"))
    return path


def test_a_password_is_read_from_a_pipe_and_its_hash_printed() -> None:
    done = framewire("password", said="correct horse\n")
    assert done.exit_code == 0
    assert PasswordHasher().verify(done.stdout.strip(), "correct horse")


@pytest.mark.parametrize("given", ["", "short", "x" * 1025])
def test_a_password_that_is_none_is_refused(given: str) -> None:
    done = framewire("password", said=f"{given}\n")
    assert done.exit_code == 1
    assert "wanted a password of at least 8 signs and at most 1024 bytes" in done.output


def test_a_token_is_another_one_each_time() -> None:
    tokens = {framewire("token").stdout.strip() for _ in range(3)}
    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {43}


def test_a_link_is_signed_for_streams_and_a_time(config: Path) -> None:
    done = framewire(
        "link", config, "--stream", "lobby", "--for", "90m", "--at", "https://c.example/"
    )
    assert (done.exit_code, done.stdout.count("\n")) == (0, 1)
    place, _, text = done.stdout.strip().rpartition("/")
    assert place == "https://c.example/link"
    grant = Seal(SECRET).read(text)
    assert (grant.kind, grant.name, grant.streams) == ("link", "guest", ("lobby",))


def test_a_link_leads_to_where_the_server_listens(config: Path) -> None:
    text = config.read_text()
    config.write_text(text.replace("http:\n", "http:\n  names: cameras.example.org\n"))
    done = framewire("link", config, "--stream", "lobby")
    assert done.stdout.startswith("https://cameras.example.org:8443/link/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stream", "loby"], "--stream: wanted a stream of .*, got 'loby'; did you mean lobby?"),
        (["--stream", "lobby", "--for", "8d"], "--for: wanted a time such as 30m or 1h, 7d at m"),
        (["--stream", "lobby", "--for", "0s"], "--for: wanted a time such as 30m or 1h"),
        (["--stream", "lobby", "--for", "soon"], "--for: wanted a time such as 30m or 1h"),
        (["--stream", "lobby", "--name", "a b"], "--name: wanted at most 64 letters"),
    ],
)
def test_a_link_that_cannot_be_is_told(config: Path, arguments: list[str], said: str) -> None:
    done = framewire("link", config, *arguments)
    assert done.exit_code == 2
    assert said.partition(".*")[0] in done.output


def test_without_a_secret_there_are_no_links(config: Path) -> None:
    config.write_text(config.read_text().replace('    secret: "${LINK_SECRET}"\n', ""))
    done = framewire("link", config, "--stream", "lobby")
    assert done.exit_code == 1
    assert "wanted http.access.secret, to sign with, got none" in done.output


def test_without_a_port_a_link_wants_to_be_told_where(config: Path) -> None:
    config.write_text(config.read_text().replace("8443", "0"))
    done = framewire("link", config, "--stream", "lobby")
    assert done.exit_code == 2
    assert "--at: wanted where the server is reached" in done.output


@pytest.mark.parametrize("command", ["validate", "run"])
def test_an_open_door_is_refused(config: Path, command: str) -> None:
    config.write_text(config.read_text().replace("  tls: self-signed\n", ""))
    done = framewire(command, config)
    assert done.exit_code == 2
    assert "http.listen: wanted `tls` (such as `tls: self-signed`)" in done.output


def test_others_see_what_they_may_and_no_secret_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text = CONFIG.replace("LISTEN", "0.0.0.0:0")
    with running(tmp_path, "--for", "60", config=text) as process:
        port = int(wait_for(process, r'"at": "https://[^/"]*:(\d+)/"')[1])
        look_around(f"https://localhost:{port}", tmp_path)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)
        assert process.returncode == 0
    assert TOKEN not in str(said)
    assert SECRET not in str(said)
    audit = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    events = [(line["event"], line["who"], line.get("stream")) for line in audit]
    assert ("watched", "link:guest", "lobby") in events
    assert not [event for event in events if event[2] == "vault"]


def look_around(here: str, folder: Path) -> None:
    made = framewire("link", folder / "config.yaml", "--stream", "lobby", "--at", here)
    trust = ssl.create_default_context(cafile=folder / "framewire-tls" / "certificate.pem")
    with httpx.Client(base_url=here, verify=trust, timeout=30) as client:
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 303
        assert client.get("/").status_code == 401
        whole = {"Authorization": f"Bearer {TOKEN}"}
        assert streams(client.get("/", headers=whole)) == ["lobby", "vault"]
        assert 'url=/"' in client.get(made.stdout.strip()).text
        assert streams(client.get("/")) == ["lobby"]
        assert "vault" not in client.get("/").text
        assert client.get("/streams/vault.jpg").status_code == 404
        assert client.get("/streams/vault.mjpeg").status_code == 404
        with client.stream("GET", "/streams/lobby.mjpeg") as pictures:
            assert b"image/jpeg" in b"".join(islice(pictures.iter_bytes(), 3))


def streams(page: httpx.Response) -> list[str]:
    return re.findall(r"streams/([a-z]+)\.mjpeg", page.text)
