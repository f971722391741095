"""A gallery in one file: names and embeddings, no pictures; encrypted if there is a key.

    framewire-faces 1\\n         msgpack of _Kept
    framewire-faces 1 fernet\\n  a Fernet token (AES-128-CBC, HMAC-SHA256) of the same

An embedding says whose face it is of: the file can be read by its owner alone. Nothing in it is
run when it is read.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.files import instead_of_a_file, written_whole
from stages.errors import BadOptions
from stages.faces.gallery import UNKNOWN, Gallery

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

PLAIN = b"framewire-faces 1\n"
SECRET = b"framewire-faces 1 fernet\n"
LARGEST = 1 << 30  # bytes: two million faces of 128 numbers
LONGEST = 200  # characters of a name


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """As it is written: `embeddings` are float32, little-endian, row by row."""

    model: str
    sha256: str
    shown: str
    names: tuple[str, ...]
    people: tuple[int, ...]
    length: int
    embeddings: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What a gallery file holds.

    model, sha256  of the recogniser that made the embeddings
    shown          what it was shown of each face: see `Embedder.shown`
    names          of the people, each once, sorted
    people         (N,) int64: whose face each is
    embeddings     (N, D) float32
    """

    model: str
    sha256: str
    shown: str
    names: tuple[str, ...]
    people: NDArray[np.int64]
    embeddings: NDArray[np.float32]

    def gallery(self) -> Gallery:
        """To compare faces with."""
        return Gallery((*self.names, UNKNOWN), self.people, self.embeddings)

    def counts(self) -> dict[str, int]:
        """How many faces there are of each person."""
        return {name: int((self.people == n).sum()) for n, name in enumerate(self.names)}

    def with_faces(self, names: list[str], embeddings: NDArray[np.float32]) -> "Kept":
        """The same and more: the name of each of B new faces, and (B, D) float32.

        raises  BadOptions at a name that cannot be one
        """
        mine = [self.names[n] for n in self.people.tolist()]
        rows = [rows for rows in (self.embeddings, embeddings) if len(rows)]
        return self._of([*mine, *names], np.concatenate(rows) if rows else self.embeddings)

    def without(self, name: str) -> "Kept":
        """The same without a person. Raises BadOptions if there is none of that name."""
        if name not in self.names:
            raise BadOptions(f"wanted one of {', '.join(self.names) or 'nobody'}, got {name!r}")
        stay = self.people != self.names.index(name)
        mine = [self.names[n] for n in self.people[stay].tolist()]
        return self._of(mine, self.embeddings[stay])

    def _of(self, whose: list[str], rows: NDArray[np.float32]) -> "Kept":
        for name in whose:
            if name == UNKNOWN or not 0 < len(name) <= LONGEST or not name.isprintable():
                raise BadOptions(
                    f"wanted a name of 1 to {LONGEST} printable characters that is not "
                    f"{UNKNOWN!r}, got {name[:LONGEST]!r}"
                )
        names = tuple(sorted(set(whose)))
        people = np.array([names.index(name) for name in whose], np.int64)
        return replace(self, names=names, people=people, embeddings=rows)


def nobody(model: str, sha256: str, shown: str) -> Kept:
    """A gallery to begin with."""
    return Kept(model, sha256, shown, (), np.empty(0, np.int64), np.empty((0, 0), np.float32))


def read_kept(path: Path, key: str = "") -> Kept:
    """Read a gallery file.

    key     Fernet's, 44 characters; empty: the file is not encrypted
    raises  BadOptions if it is none, or if the key does not fit
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise BadOptions(f"{path}: wanted a gallery of at most {LARGEST} bytes, got {size}")
        data = path.read_bytes()
    except OSError as error:
        got = instead_of_a_file(path) if not path.is_file() else error.strerror
        raise BadOptions(f"{path}: wanted a gallery file, got {got}") from error
    if data.startswith(SECRET):
        data = _opened(path, data[len(SECRET) :], key)
    elif not data.startswith(PLAIN):
        raise BadOptions(f"{path}: wanted a gallery file, got another kind of file")
    elif key:
        raise BadOptions(f"{path}: wanted a gallery that its key encrypts, got one in plain")
    else:
        data = data[len(PLAIN) :]
    try:
        kept = msgspec.msgpack.decode(data, type=_Kept)
    except msgspec.MsgspecError as error:
        raise BadOptions(f"{path}: wanted a whole gallery file, got: {error}") from error
    return _checked(path, kept)


def write_kept(path: Path, kept: Kept, key: str = "") -> None:
    """Put a gallery in the place of the file, whole or not at all; only its owner can read it.

    raises  BadOptions if the key is none, OSError if it cannot be written
    """
    length = kept.embeddings.shape[1] if len(kept.embeddings) else 0
    data = msgspec.msgpack.encode(
        _Kept(
            kept.model, kept.sha256, kept.shown, kept.names, tuple(kept.people.tolist()), length,
            kept.embeddings.astype("<f4").tobytes(),
        )
    )  # fmt: skip
    data = SECRET + _fernet(key).encrypt(data) if key else PLAIN + data
    with written_whole(path) as part:
        part.touch(mode=0o600)
        part.write_bytes(data)


def new_key() -> str:
    """A key that nobody else has: 32 random bytes in base64."""
    from cryptography import fernet  # noqa: PLC0415 - only for those who encrypt

    return fernet.Fernet.generate_key().decode()


def _fernet(key: str) -> "Fernet":
    from cryptography import fernet  # noqa: PLC0415 - only for those who encrypt

    try:
        return fernet.Fernet(key)
    except ValueError:
        # Not from the error: what it says might hold the key.
        raise BadOptions(
            "key: wanted 32 bytes in base64, as `framewire faces key` makes, got something else"
        ) from None


def _opened(path: Path, token: bytes, key: str) -> bytes:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415

    if not key:
        raise BadOptions(f"{path}: wanted the key that it is encrypted with, got none")
    try:
        return bytes(_fernet(key).decrypt(token))
    except InvalidToken:
        raise BadOptions(
            f"{path}: wanted the key that it was encrypted with, got another one, or the file is "
            "damaged"
        ) from None


def _checked(path: Path, kept: _Kept) -> Kept:
    wanted = len(kept.people) * kept.length * 4
    numbers = np.array(kept.people, np.int64)
    if len(kept.embeddings) != wanted or kept.length < 0:
        raise BadOptions(f"{path}: wanted {wanted} bytes of faces, got {len(kept.embeddings)}")
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(kept.names):
        raise BadOptions(f"{path}: wanted faces of {len(kept.names)} people, got others")
    rows = np.frombuffer(kept.embeddings, "<f4").astype(np.float32)
    if not np.all(np.isfinite(rows)):
        raise BadOptions(f"{path}: wanted faces in numbers, got some that are none")
    rows = rows.reshape(len(numbers), kept.length)
    return Kept(kept.model, kept.sha256, kept.shown, kept.names, numbers, rows)
