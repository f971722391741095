"""An HTTP server that serves one file, well or badly, for the tests of downloads. Loopback only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Weights:
    """What is served, and how.

    body       the file
    break_off  bytes after which each of the first connections is cut, in turn
    resumes    whether it knows the header Range
    longer     bytes by which it lies about its length
    status     what it answers in place of the file
    asked      the header Range of each request so far
    """

    body: bytes
    break_off: list[int] = field(default_factory=list)
    resumes: bool = True
    longer: int = 0
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


@contextmanager
def serving(weights: Weights) -> Iterator[str]:
    """Serve while the block runs; gives the file's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            weights.asked.append(asked)
            if weights.status != 200:
                self.send_error(weights.status)
                return
            start = 0
            if asked and weights.resumes:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(weights.body):
                self.send_error(416)
                return
            rest = weights.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest) + weights.longer))
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
