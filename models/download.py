"""Fetches one published weight file: resumed, bounded, checked, and there whole or not at all."""

import fcntl
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from models.errors import BadWeights, DownloadFailed
from models.originals import digest
from models.partial import Part
from models.spec import Download

CHUNK = 1 << 20  # bytes
TIMEOUT_S = 30.0  # without a byte
TRIES = 4  # connections; each goes on where the one before broke off
PAUSE_S = 0.5

Progress = Callable[[int, int], None]
"""Called with the bytes so far and those that are expected, 0 where the server does not say."""


def fetch(
    origin: Download,
    target: Path,
    progress: Progress = lambda _done, _of: None,
    pause_s: float = PAUSE_S,
) -> Path:
    """Bring the file to `target`; what was fetched before an interruption is not fetched again.

    pause_s  before the second connection, and twice as long before each further one
    raises  DownloadFailed if it cannot be reached or breaks off again and again: it says which file
            to put where; or if another process is fetching it; BadWeights if it is larger than the
            spec allows or another file
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(target.name + ".part")
    with _alone(path):
        return _fetch(origin, target, Part(path), progress, pause_s)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the part, so that no two processes write to it; leave none that is empty."""
    with path.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DownloadFailed(
                f"{path}: wanted to be alone with it, got another process that is fetching it"
            ) from error
        try:
            yield
        finally:
            part = Part(path)
            if path.exists() and not part.size():
                part.remove()


def _fetch(origin: Download, target: Path, part: Part, progress: Progress, pause_s: float) -> Path:
    why = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            why = _fetch_on(origin, part, progress)
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and part.size():
                # What is here already is all there is, or more: an earlier call was ended before
                # it could look at it, or the file has become shorter.
                part.forget()
                why = "the part that was here did not fit"
                continue
            why = f"HTTP {error.code} {error.reason}"
            if 400 <= error.code < 500:
                break
        except (OSError, http.client.HTTPException) as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            if not why:
                _check(origin, part)
                part.become(target)
                return target
    raise DownloadFailed(
        f"{origin.url}: {why}; if this machine cannot reach it, put the file at {target}"
    )


def _fetch_on(origin: Download, part: Part, progress: Progress) -> str:
    """Fetch what `part` lacks; tells why it is not complete yet, as far as the server says."""
    if not part.validator and not origin.sha256:
        # Nothing would tell that the rest is of another version of the file.
        part.forget()
    have = part.size()
    asked = urllib.request.Request(origin.url)  # noqa: S310 - the zoo's own address, see _Redirects
    if have:
        asked.add_header("Range", f"bytes={have}-")
        if part.validator:
            asked.add_header("If-Range", part.validator)
    with urllib.request.build_opener(_Redirects).open(asked, timeout=TIMEOUT_S) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        if resumed and (misfit := part.misfit(answer.headers)):
            part.forget()
            return misfit
        if not resumed:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None and length.isdecimal() else 0
        _bound(origin, total)
        if not resumed:
            part.begin(answer.headers, total)
        with part.path.open("ab") as file:
            while piece := answer.read(CHUNK):
                have += len(piece)
                _bound(origin, have, part)
                file.write(piece)
                progress(have, total)
    return "" if not total or have == total else "the connection broke off"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Goes where an answer sends us, but never by a way that is less safe than the one asked for.

    Not every file has a published checksum: such a one is only as sure as the way it came.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: http.client.HTTPMessage, newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        """See the library. Raises DownloadFailed."""
        if urlsplit(newurl).scheme not in (ways := dict.fromkeys((req.type, "https"))):
            raise DownloadFailed(
                f"{req.full_url}: wanted to be sent on by {' or '.join(ways)}, got {newurl[:200]}"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _bound(origin: Download, size: int, part: Part | None = None) -> None:
    if size > origin.size_most:
        if part is not None:
            part.remove()
        raise BadWeights(
            f"{origin.url}: wanted at most {origin.size_most} bytes, got {size} or more"
        )


def _check(origin: Download, part: Part) -> None:
    if not origin.sha256:
        return
    if (got := digest(part.path)) != origin.sha256:
        part.remove()
        raise BadWeights(f"{origin.url}: sha256: wanted {origin.sha256}, got {got}")
