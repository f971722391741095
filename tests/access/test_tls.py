"""HTTPS with certificates of one's own and with one that the server makes."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.access.certificate import (
    BadCertificate,
    certificate_files,
    check_certificate,
    names_of,
)  # fmt: skip
from pipeline.config import TlsConfig
from tests.access.house import ACCESS, PASSWORD, bearer, house

SELF = TlsConfig(folder=Path("framewire-tls"))
OWN = TlsConfig(certificate=Path("own.pem"), key=Path("own.key"))


def own(folder: Path, *, days: int = 10, passphrase: bytes | None = None) -> None:
    """A certificate as an authority would give it, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cameras.example.org")])
    now = datetime.now(UTC)
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=20)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    hidden = serialization.NoEncryption()
    if passphrase is not None:
        hidden = serialization.BestAvailableEncryption(passphrase)
    (folder / "own.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "own.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    )
    (folder / "own.key").chmod(0o600)


async def test_a_certificate_is_made_and_kept_for_us_alone(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house(tmp_path, tls="self-signed", access=ACCESS) as here:
            assert here.address.startswith("https://127.0.0.1:")
            assert (await here.client.get("/api/me", headers=bearer())).status_code == 200
    kept = tmp_path / "framewire-tls"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {
        "key.pem": 0o600, "certificate.pem": 0o600,
    }  # fmt: skip
    made = x509.load_pem_x509_certificate((kept / "certificate.pem").read_bytes())
    told = [line["sha256"] for line in lines if line["event"] == "certificate"]
    assert told == [made.fingerprint(hashes.SHA256()).hex(":").upper()]


async def test_the_cookie_is_for_https_alone(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", access=ACCESS) as here:
        data = {"name": "anna", "password": PASSWORD}
        ours = {"Origin": here.address}
        answer = await here.client.post("/login", data=data, headers=ours)
        assert answer.headers["set-cookie"].startswith(f"__Host-framewire-{here.port}=")
        assert "Secure" in answer.headers["set-cookie"]
        assert (await here.client.get("/api/me")).json()["name"] == "anna"


async def test_whoever_does_not_know_the_certificate_is_warned(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", access=ACCESS) as here:
        async with httpx.AsyncClient() as stranger:
            with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
                await stranger.get(f"{here.address}/healthz")


async def test_plain_http_to_it_gets_no_answer(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", access=ACCESS) as here:
        async with httpx.AsyncClient() as plain:
            with pytest.raises(httpx.TransportError):
                await plain.get(f"http://127.0.0.1:{here.port}/healthz")
        assert (await here.client.get("/healthz")).status_code == 200


async def test_a_handshake_that_never_ends_is_cut(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", limits={"body_s": 0.3}) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert (await here.client.get("/healthz")).status_code == 200


async def test_those_that_say_nothing_are_counted_too(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed", limits={"connections": 3}) as here:
        held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(3)]
        with pytest.raises(httpx.TransportError):
            await here.client.get("/healthz")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        assert await here.well()


async def test_it_stops_within_a_second_whoever_is_still_shaking_hands(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed") as here:
        held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(5)]
        assert (await here.client.get("/healthz")).status_code == 200
        began = time.perf_counter()
    assert time.perf_counter() - began < 1
    for _, writer in held:
        writer.close()


async def test_a_request_that_comes_with_the_handshake_is_answered(tmp_path: Path) -> None:
    async with house(tmp_path, tls="self-signed") as here:
        ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        for _ in range(20):  # in TLS 1.3 the request is sent with the client's last word
            answer = await asyncio.to_thread(at_once, here.port, trust(tmp_path), ask)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"ok")


def at_once(port: int, context: ssl.SSLContext, ask: bytes) -> bytes:
    """The answer to a request whose bytes leave together with the end of the handshake."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(coming, going, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(going.read())
                coming.write(plain.recv(1 << 16))
        tls.write(ask)
        plain.sendall(going.read())
        answer = b""
        while True:
            try:
                part = tls.read(1 << 16)
            except ssl.SSLWantReadError:
                more = plain.recv(1 << 16)
                if not more:
                    return answer
                coming.write(more)
                continue
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return answer
            if not part:
                return answer
            answer += part


def trust(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "framewire-tls" / "certificate.pem")


def test_it_is_made_once_and_anew_when_a_name_is_missing_or_it_ends_soon(tmp_path: Path) -> None:
    first = certificate_files(SELF, tmp_path, {"127.0.0.1", "a.example"})
    assert certificate_files(SELF, tmp_path, {"A.example"}) == first
    second = certificate_files(SELF, tmp_path, {"b.example"})
    assert second.fingerprint != first.fingerprint
    own(tmp_path, days=29)
    first.certificate.write_bytes((tmp_path / "own.pem").read_bytes())
    first.key.write_bytes((tmp_path / "own.key").read_bytes())
    third = certificate_files(SELF, tmp_path, {"127.0.0.1"})
    found = x509.load_pem_x509_certificate(third.certificate.read_bytes())
    assert found.not_valid_after_utc > datetime.now(UTC) + timedelta(days=300)


def test_it_is_for_all_names_by_which_the_machine_is_called() -> None:
    assert {"localhost", "127.0.0.1", "::1", "a.example", "10.0.0.7"} <= names_of(
        "10.0.0.7", ["a.example"]
    )
    assert "0.0.0.0" not in names_of("0.0.0.0", [])
    assert "127.0.0.1" in names_of("0.0.0.0", [])


async def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    own(tmp_path)
    tls = {"certificate": "own.pem", "key": "own.key"}
    (tmp_path / "framewire-tls").mkdir()
    (tmp_path / "framewire-tls" / "certificate.pem").symlink_to(tmp_path / "own.pem")
    async with house(tmp_path, tls=tls, access=ACCESS) as here:
        assert (await here.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("missing", "wanted a key that can be read, got .*own.key: No such file"),
        ("noise", "wanted a certificate in PEM, got .*own.pem"),
        ("others", "wanted a key in PEM that belongs to .*own.pem, got .*own.key: KEY_VALUES_MISM"),
        ("passphrase", "got one with a passphrase"),
        ("open", "wanted a key that others cannot read, got .* mode 0644; chmod 600"),
        ("over", "wanted a certificate that holds, got one until 20"),
    ],
)
def test_files_that_cannot_be_used_are_told(tmp_path: Path, harm: str, said: str) -> None:
    own(
        tmp_path,
        days=-1 if harm == "over" else 10,
        passphrase=b"x" if harm == "passphrase" else None,
    )
    key = tmp_path / "own.key"
    if harm == "missing":
        key.unlink()
    elif harm == "noise":
        (tmp_path / "own.pem").write_bytes(b"noise")
    elif harm == "others":
        pem = (tmp_path / "own.pem").read_bytes()
        own(tmp_path)
        (tmp_path / "own.pem").write_bytes(pem)
    elif harm == "open":
        key.chmod(0o644)
    for use in (
        lambda: check_certificate(OWN, tmp_path),
        lambda: certificate_files(OWN, tmp_path, ()),
    ):
        with pytest.raises(BadCertificate, match=said):
            use()


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "framewire-tls").write_text("")
    with pytest.raises(BadCertificate, match="framewire-tls"):
        certificate_files(SELF, tmp_path, {"localhost"})
