"""Recordings in a real browser: played, sought in, with what was said as cues."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import HTMLResponse
from starlette.routing import Route

from pipeline.server import serving
from sinks.sink import Delivery
from tests.factory import detections
from tests.sinks.browser import Page, browser
from tests.sinks.record.clips import Recording, clip, said

SEEN = """
new Promise((resolve) => {
  const video = document.querySelector('video');
  const track = video.textTracks[0];
  track.mode = 'hidden';
  const told = () => ({
    at: video.currentTime, width: video.videoWidth, duration: video.duration,
    cues: track.cues.length, now: [...track.activeCues].map((cue) => JSON.parse(cue.text).seq),
    frames: video.getVideoPlaybackQuality().droppedVideoFrames,
  });
  const fail = () => resolve({ error: video.error?.message ?? 'cannot be played' });
  video.addEventListener('error', fail);
  video.addEventListener('seeked', () => setTimeout(() => resolve(told()), 200));
  document.querySelector('track').addEventListener('load', () => { video.currentTime = 1.41; });
  video.src = video.dataset.src;
})
"""


async def look(recording: Recording, path: str) -> dict[str, object]:
    """What a browser sees of a recording at 1.41 seconds."""
    binary = browser()
    if binary is None:
        pytest.skip("needs the Debian package chromium, for a real browser")
    html = (
        f'<!doctype html><video muted preload=auto data-src="/recordings/{path}.mp4">'
        f'<track kind=metadata src="/recordings/{path}.vtt"></video>'
    )
    page = Route("/page", lambda _: HTMLResponse(html))
    routes = [*recording.sink.routes(), page]
    async with serving("127.0.0.1:0", routes, dict, CollectorRegistry()) as address:

        def watch() -> object:
            with Page(binary, f"{address}/page") as shown:
                return shown.run(SEEN)

        found = await asyncio.to_thread(watch)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("b_frames", [0, 2])
async def test_a_browser_plays_it_and_finds_what_was_said(tmp_path: Path, b_frames: int) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(75, 25, b_frames=b_frames))
        frames = [said(number, {"detect": detections()}) for number in range(75)]
        await recording.sink.write([Delivery(one, ("detect",)) for one in frames])
    (path,) = recording.files()
    found = await look(recording, path.stem)
    assert found == {
        "at": 1.41, "width": 160, "duration": 3, "cues": 75, "now": [35], "frames": 0,
    }  # fmt: skip


@pytest.mark.slow
async def test_a_browser_plays_what_is_being_recorded(tmp_path: Path) -> None:
    async with Recording(tmp_path) as recording:
        recording.push(clip(75, 25))
        frames = [said(number, {"detect": detections()}) for number in range(75)]
        await recording.sink.write([Delivery(one, ("detect",)) for one in frames])
        await asyncio.to_thread(recording.sink.recorder.flush)
        (path,) = recording.files()
        found = await look(recording, path.stem)
    assert (found["at"], found["width"], found["now"]) == (1.41, 160, [35])
