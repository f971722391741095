"""The part of a file that has come so far, and which version of the file it is a part of."""

import re
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

# RFC 9110, section 14.4: "bytes 500-999/8000", with "*" where the whole length is not known.
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Part:
    """`NAME.part`, and beside it `NAME.part.etag`: validator and whole length, a line each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = path.with_name(path.name + ".etag")
        self.validator, self._total = self._told()

    def size(self) -> int:
        """How many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, headers: Message, total: int) -> None:
        """Forget what is here, and keep which version begins.

        headers  of the answer that has all of it
        total    bytes; 0 if the answer does not say
        """
        self.forget()
        self.validator, self._total = _validator(headers), total
        self._mark.write_text(f"{self.validator}\n{total}\n", "latin-1")

    def forget(self) -> None:
        """Empty the part; it is not unlinked, since it is held."""
        self.path.write_bytes(b"")
        self._mark.unlink(missing_ok=True)
        self.validator, self._total = "", 0

    def remove(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        self._mark.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Take the place of `target`: the part is whole."""
        self.path.replace(target)
        self._mark.unlink(missing_ok=True)

    def misfit(self, headers: Message) -> str:
        """Why an answer with a part of the file does not go on where this one ends; "" if it does.

        headers  of an answer 206
        """
        have, told = self.size(), headers.get("Content-Range", "none")
        found = CONTENT_RANGE.fullmatch(told.strip())
        if found is None or int(found[1]) != have or int(found[2]) < have:
            return f"Content-Range: wanted bytes from {have}, got {told}"
        length, here = headers.get("Content-Length"), int(found[2]) - have + 1
        if length is not None and length.strip() != str(here):
            return f"Content-Length: wanted {here}, as Content-Range says, got {length}"
        total = int(found[3]) if found[3] != "*" else 0
        if total and (total != int(found[2]) + 1 or self._total not in {0, total}):
            return f"Content-Range: wanted {self._total or int(found[2]) + 1} in all, got {told}"
        validator = _validator(headers)
        if validator and validator != self.validator:
            return f"version: wanted {self.validator or 'none'}, got {validator}"
        return ""

    def _told(self) -> tuple[str, int]:
        try:
            validator, total = self._mark.read_text("latin-1").split("\n")[:2]
            return validator, int(total)
        except (OSError, ValueError):  # it is not there, or was not written to its end
            return "", 0


def _validator(headers: Message) -> str:
    """What If-Range may name the file's version by: a strong ETag, else a date that is one.

    RFC 9110, sections 8.8.2.2 and 13.1.5: a file may change twice in the second it was asked for.
    """
    etag = headers.get("ETag", "").strip()
    if etag:
        return etag if etag.startswith('"') else ""
    changed = headers.get("Last-Modified", "").strip()
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(changed)
    except (TypeError, ValueError):  # one of them is missing, or no date
        return ""
    return changed if age.total_seconds() >= 1 else ""
