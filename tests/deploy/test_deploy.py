"""The files of docs/deploy: what can be said of them without a container engine or root."""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.config import installed_parts, load_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
ENVIRON = {"CAMERA": "rtsp://camera/main", "LINK_SECRET": "s" * 32, "WALL_TOKEN": "t" * 32}
MOST_EXPOSED = 15  # tenths: 1.5 of 10


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile: the word and what follows, lines that go on put together."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], " ".join(line.split()[1:])) for line in lines if line.strip()]


def test_all_that_is_copied_into_the_image_is_there() -> None:
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = [source for one in copied if not one[0].startswith("--from=") for source in one[:-1]]
    assert "requirements/" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_all_four_packages_are_in_the_image() -> None:
    copied = {rest.split()[0] for word, rest in instructions() if word == "COPY"}
    assert {"models/", "stages/", "sinks/", "pipeline/"} <= copied


def test_each_list_of_packages_in_the_image_is_pinned_by_hash() -> None:
    for word, rest in instructions():
        for install in re.findall(r"pip install [^&;]*", rest) if word == "RUN" else ():
            assert "-r requirements/" not in install or "--require-hashes" in install
            for name in re.findall(r"-r (\S+)", install):
                assert "--hash=sha256:" in (ROOT / name).read_text()


def test_the_image_runs_as_nobody_in_particular_and_looks_after_its_health() -> None:
    said = instructions()
    last = max(index for index, (word, _) in enumerate(said) if word == "FROM")
    final = dict(said[last:])
    assert final["USER"] == "10001:10001"
    assert "healthcheck.py" in final["HEALTHCHECK"]
    assert final["ENTRYPOINT"] == '["/opt/framewire/bin/framewire"]'


def test_the_variants_are_those_that_are_documented() -> None:
    (chosen,) = (rest for word, rest in instructions() if "VARIANT" in rest and word == "RUN")
    assert re.findall(r"(\w+)\) ", chosen) == ["cpu", "gpu"]


def test_its_config_is_good() -> None:
    config = load_config(DEPLOY / "config.yaml", ENVIRON, parts=installed_parts(ready=False))
    assert config.http.tls is not None
    assert config.http.access is not None
    assert not config.http.insecure


@contextmanager
def health(says: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(says)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/healthz"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def check_health(url: str) -> int:
    command = [sys.executable, "-I", DEPLOY / "healthcheck.py"]
    return subprocess.run(command, env={"FRAMEWIRE_HEALTH": url}, check=False).returncode


@pytest.mark.parametrize(("says", "status"), [(b"ok", 0), (b"no", 1)])
def test_the_image_is_healthy_when_the_server_says_so(says: bytes, status: int) -> None:
    with health(says) as url:
        assert check_health(url) == status
    assert check_health(url) == 1  # nobody there any more


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("wanted systemd-analyze, which is not on this machine")
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("more", [None, "camera.conf", "gpu.conf"])
def test_systemd_understands_all_of_the_unit(more: str | None, tmp_path: Path) -> None:
    text = (DEPLOY / "framewire.service").read_text()
    unit = tmp_path / "framewire.service"
    unit.write_text(text.replace("/opt/framewire/bin/framewire", sys.executable))
    if more:
        (tmp_path / "framewire.service.d").mkdir()
        shutil.copy(DEPLOY / more, tmp_path / "framewire.service.d")
    said = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert (said.returncode, said.stderr) == (0, "")


def test_the_unit_is_as_shut_as_its_page_says() -> None:
    unit = DEPLOY / "framewire.service"
    said = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert said.returncode == 0, said.stdout[-300:]
