"""The server's certificate: one's own, or one that it makes and signs itself.

A self-signed one is kept in a folder, so that a browser that has been told to trust it does so
after a restart too. It is made anew when it is about to end, or when it lacks a name.
"""

import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.access.origin import machine_names
from pipeline.config.http import TlsConfig

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, GeneralName

DAYS = 397  # what browsers still take from public authorities; CA/Browser Forum, ballot SC-31
RENEW_DAYS = 30
KEY, CERTIFICATE = "key.pem", "certificate.pem"
OWN_SECRET = "wanted a private key, got one with a passphrase"  # noqa: S105 - no password, but what is said of one


class BadCertificate(OSError):
    """The server has no certificate that it can use."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate and its key lie.

    fingerprint  SHA-256 of the certificate, AA:BB:..., as browsers show it
    """

    certificate: Path
    key: Path
    fingerprint: str


def check_certificate(tls: TlsConfig, folder: Path) -> None:
    """Look whether a certificate and its key are there and belong together.

    A self-signed one is not made yet; what is there of it must be ours alone.

    folder  where relative paths start
    raises  BadCertificate
    """
    if tls.certificate is not None and tls.key is not None:
        _own(folder / tls.certificate, folder / tls.key)
    elif tls.folder is not None:
        _ours_alone(folder / tls.folder / KEY)


def certificate_files(tls: TlsConfig, folder: Path, names: Iterable[str]) -> CertificateFiles:
    """The files to serve with; a self-signed certificate is made if need be.

    names   host names and addresses that a self-signed one is for
    raises  BadCertificate
    """
    if tls.certificate is not None and tls.key is not None:
        found = _own(folder / tls.certificate, folder / tls.key)
        return CertificateFiles(folder / tls.certificate, folder / tls.key, _fingerprint(found))
    if tls.folder is None:
        raise AssertionError("neither a certificate nor a folder, and yet a config")
    kept = folder / tls.folder
    key, certificate = kept / KEY, kept / CERTIFICATE
    try:
        if not (key.exists() and certificate.exists() and _still_good(certificate, set(names))):
            _make(key, certificate, sorted(set(names)))
    except OSError as error:
        raise BadCertificate(
            f"tls: wanted a folder to write to, got {kept}: {error.strerror or error}"
        ) from None
    return CertificateFiles(certificate, key, _fingerprint(_own(certificate, key)))


def names_of(host: str, more: Iterable[str]) -> set[str]:
    """What a server that listens on `host` may be called: `more`, and what every machine knows.

    host  an address or a name; 0.0.0.0 and :: stand for all addresses of this machine
    """
    names = {"127.0.0.1", "::1", *machine_names(), *more}
    try:
        every = ip_address(host).is_unspecified
    except ValueError:
        every = False
    return names | (_addresses() if every else {host})


def _addresses() -> set[str]:
    import psutil  # noqa: PLC0415

    inet = {socket.AF_INET, socket.AF_INET6}
    return {
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family in inet
    }


def _own(certificate: Path, key: Path) -> "Certificate":
    from cryptography import x509  # noqa: PLC0415 - 0.1 s, and only under TLS

    for what, path in (("certificate", certificate), ("key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise BadCertificate(
                f"tls: wanted a {what} that can be read, got {path}: {error.strerror}"
            ) from None
    _ours_alone(key)
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except ValueError:
        raise BadCertificate(f"tls: wanted a certificate in PEM, got {certificate}") from None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise BadCertificate(
            f"tls: wanted a key in PEM that belongs to {certificate}, got {key}: {reason}"
        ) from None
    if (over := found.not_valid_after_utc) < datetime.now(UTC):
        raise BadCertificate(f"tls: wanted a certificate that holds, got one until {over:%F}")
    return found


def _no_passphrase() -> str:
    """OpenSSL would ask on the terminal."""
    raise ValueError(OWN_SECRET)


def _ours_alone(key: Path) -> None:
    """Others must not read the key: who has it can be us."""
    try:
        mode = key.stat().st_mode & 0o777
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadCertificate(f"tls: wanted a key, got {key}: {error.strerror}") from None
    if mode & 0o007:
        raise BadCertificate(
            f"tls: wanted a key that others cannot read, got {key} with mode {mode:04o}; "
            "chmod 600 mends it"
        )


def _still_good(path: Path, names: set[str]) -> bool:
    from cryptography import x509  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    said = {name.lower() for name in alternative.get_values_for_type(x509.DNSName)}
    said |= {str(address) for address in alternative.get_values_for_type(x509.IPAddress)}
    left = found.not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=RENEW_DAYS) and {_plain(name) for name in names} <= said


def _plain(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def _make(key_at: Path, certificate_at: Path, names: list[str]) -> None:
    """An elliptic curve's key, P-256, and a certificate that it has signed itself."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    us = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "framewire")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(us)
        .issuer_name(us)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of others go wrong
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(
        key_at,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    _write(certificate_at, certificate.public_bytes(serialization.Encoding.PEM))


def _general(name: str) -> "GeneralName":
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    """All or nothing, and never for a moment readable by others."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)


def _fingerprint(certificate: "Certificate") -> str:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
