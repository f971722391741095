"""An HTTP server that serves one file, well or badly, for the tests of downloads. Loopback only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"  # the example of RFC 9110, section 5.6.7


@dataclass
class Weights:
    """What is served, and how.

    body       the file
    later      what the file is from each further connection on, in turn
    etag       of each of these files, in turn, as it stands in the header; none where it is empty
    changed    whether Last-Modified says that the file has been as it is for an hour
    break_off  bytes after which each of the first connections is cut, in turn
    resumes    whether it knows the header Range
    longer     bytes by which it lies about its length
    ranges     what it says in Content-Range in place of the truth, "" for nothing at all
    knows_if   whether it knows the header If-Range
    status     what it answers in place of the file
    moved      where it sends who asks for its own path
    asked      the header Range of each request so far
    asked_if   the header If-Range of each
    """

    body: bytes
    later: list[bytes] = field(default_factory=list)
    etag: list[str] = field(default_factory=list)
    changed: bool = False
    break_off: list[int] = field(default_factory=list)
    resumes: bool = True
    longer: int = 0
    ranges: str | None = None
    knows_if: bool = True
    status: int = 200
    moved: str = ""
    asked: list[str | None] = field(default_factory=list)
    asked_if: list[str | None] = field(default_factory=list)

    def turn(self) -> tuple[bytes, str]:
        """The file and its ETag for the connection that comes now."""
        number = len(self.asked)
        bodies, etags = [self.body, *self.later], self.etag or [""]
        return bodies[min(number, len(bodies) - 1)], etags[min(number, len(etags) - 1)]


@contextmanager
def serving(weights: Weights) -> Iterator[str]:
    """Serve while the block runs; gives the file's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
            body, etag = weights.turn()
            weights.asked.append(asked)
            weights.asked_if.append(condition)
            if weights.moved and self.path == "/net.weights":
                self.send_response(302)
                self.send_header("Location", weights.moved)
                self.end_headers()
                return
            if weights.status != 200:
                self.send_error(weights.status)
                return
            start = 0
            same = not weights.knows_if or condition in {None, etag, LONG_AGO}
            if asked and weights.resumes and same:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.send_error(416)
                return
            rest = body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest) + weights.longer))
            if etag:
                self.send_header("ETag", etag)
            if weights.changed:
                self.send_header("Last-Modified", LONG_AGO)
            told = f"bytes {start}-{len(body) - 1}/{len(body)}"
            told = told if weights.ranges is None else weights.ranges
            if start and told:
                self.send_header("Content-Range", told)
            self.end_headers()
            cut = weights.break_off.pop(0) if weights.break_off else len(rest)
            self.wfile.write(rest[:cut])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/net.weights"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
