"""What a camera sends may name other places: none of our files is read for it, nobody is called."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from stages.errors import SourceError
from tests.capture.reading import read, source_of

FRAMES = 10


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of ours that is nobody's business."""
    path = tmp_path_factory.mktemp("ours") / "clip.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for grey in range(FRAMES):
            picture = np.full((240, 320, 3), grey * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def asked() -> list[str]:
    """The paths that the camera was asked for."""
    return []


@pytest.fixture
def camera(tmp_path: Path, asked: list[str]) -> Iterator[str]:
    """The address of somebody who serves what lies in a folder, and sends some away."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def playlist(segment: str, more: str = "") -> str:
    return (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n"
        f"{more}#EXTINF:2.0,\n{segment}\n#EXT-X-ENDLIST\n"
    )


def test_a_playlist_of_its_own_segments_is_read(tmp_path: Path, clip: Path, camera: str) -> None:
    (tmp_path / "own.ts").write_bytes(clip.read_bytes())
    (tmp_path / "a.m3u8").write_text(playlist("own.ts"))
    assert len(read(source_of(f"{camera}/a.m3u8"), FRAMES - 1)) == FRAMES - 1


@pytest.mark.parametrize(
    "text",
    [
        playlist("file://{}"),
        playlist("{}"),
        playlist("concat:{}|{}"),
        playlist("crypto:{}"),
        playlist("subfile,,start,0,end,0,,:{}"),
        playlist("own.ts", '#EXT-X-KEY:METHOD=AES-128,URI="file://{}"\n'),
        playlist("own.ts", '#EXT-X-MAP:URI="file://{}"\n'),
        "ffconcat version 1.0\nfile {}\n",
        "ffconcat version 1.0\nfile file:{}\n",
    ],
    ids=["file", "path", "concat", "crypto", "subfile", "key", "map", "list", "list-file"],
)
def test_a_camera_reads_no_file_of_ours(text: str, tmp_path: Path, clip: Path, camera: str) -> None:
    (tmp_path / "own.ts").write_bytes(clip.read_bytes())
    (tmp_path / "a.m3u8").write_text(text.replace("{}", str(clip)))
    with pytest.raises(SourceError):
        read(source_of(f"{camera}/a.m3u8"), 1)


@pytest.mark.parametrize("text", [playlist("{}/own.ts"), "ffconcat version 1.0\nfile {}/own.ts\n"])
def test_a_file_calls_nobody(
    text: str, tmp_path: Path, clip: Path, camera: str, asked: list[str]
) -> None:
    (tmp_path / "own.ts").write_bytes(clip.read_bytes())
    file = tmp_path / "a.m3u8"
    file.write_text(text.replace("{}", camera))
    with pytest.raises(SourceError):
        read(source_of(file), 1)
    assert asked == []
