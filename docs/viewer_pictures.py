"""The pictures of the viewer's page in docs/images: graphs on real clips, looked at in Chromium.

`make pictures` takes them, where the clips and a browser are. The clips are under CC BY: a road
(Intel IoT DevKit, sample-videos, 4.0) and a meadow (Big Buck Bunny, Blender Foundation, 3.0).
"""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from pictures import DATA, ROOT, held  # type: ignore[import-not-found]
from playwright.async_api import Page, async_playwright

from models import zoo
from models.store import import_model
from tests.configs.ready_everything import ready_everything

CLIPS = {"road": DATA / "video/car-detection.mp4", "meadow": DATA / "video/bigbuckbunny.mp4"}
DETECTOR = ("tinier-yolo-voc", DATA / "weights_tinier_yolo_voc/tinier_yolo_voc.npz")
CONFIG = """
streams:
  road: {{ source: {road}, loop: true }}
  meadow: {{ source: {meadow}, loop: true }}
  lobby: {{ source: testcard, size: 640x360, fps: 12 }}
  dock: {{ source: testcard, size: 640x360, fps: 12 }}
graph:
  find:
    stage: detect
    model: tinier-yolo-voc
    streams: [road]
    classes: [car]
    score: 0.15
    max_age_ms: 900
  follow: {{ stage: track, from: find, score: 0.3, low: 0.2 }}
  count:
    stage: zones
    from: follow
    anchor: centre
    lines: {{ lane: [[0.0, 0.6], [1.0, 0.6]] }}
    areas: {{ bay: [[0.62, 0.05], [0.97, 0.05], [0.97, 0.5], [0.62, 0.5]] }}
  faces: {{ stage: detect, model: blazeface-short, streams: [meadow], score: 0.6, max_age_ms: 900 }}
sinks:
  view: {{ sink: webrtc, from: [capture, follow, count, faces] }}
http: {{ listen: "127.0.0.1:{port}" }}
"""
LIVE = "(count) => document.querySelectorAll('[data-state=live]').length === count"
# Nodes of everything.yaml with weights from a seed, and two that are asked about what is not there:
# what they say has no meaning.
MEANINGLESS = ("scene", "ripeness", "cars", "who", "shape", "sentence", "tools", "instances")
# What a node has found is in the middle of the picture on the screen.
FOUND = """([stream, node]) => new Promise((done) => {
  const tile = document.getElementById(`name-${stream}`).closest("article");
  tile.addEventListener("framewire:picture", ({ detail: { moment } }) => {
    const { values = [] } = moment?.said.get(node)?.data.boxes ?? {};
    for (let n = 0; n < values.length; n += 4) {
      if (values[n + 1] > 0.1 && values[n + 3] < 0.9) done();
    }
  });
})"""
ARGS = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")
SETTLE_S = 6.0
PATIENCE_S = 120.0


async def listening(port: int) -> None:
    """Wait until the pipeline serves."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


async def small(page: Page, address: str) -> None:
    """Four streams in a grid, and the graph."""
    await page.goto(address)
    await page.wait_for_function(LIVE, arg=4)
    await page.keyboard.press("g")
    await asyncio.sleep(SETTLE_S)  # until pictures wait for their results, and rates are known
    await page.evaluate(FOUND, ["road", "follow"])


async def large(page: Page, address: str) -> None:
    """One of them alone."""
    await page.goto(f"{address}#road")
    await page.wait_for_function(LIVE, arg=4)
    await asyncio.sleep(SETTLE_S)
    await page.evaluate(FOUND, ["road", "follow"])


async def everything(page: Page, address: str) -> None:
    """Ten families, those drawn whose weights are real."""
    await page.goto(f"{address}#camera")
    await page.wait_for_function(LIVE, arg=1)
    for node in MEANINGLESS:
        await page.get_by_role("switch", name=node).uncheck()
    await page.get_by_role("switch", name="Older results too").check()
    await asyncio.sleep(4 * SETTLE_S)  # until the slow ones have spoken


LOOKS = {"viewer": small, "viewer-phone": large, "everything": everything}
STILL, CAR_S = (1280, 720), 8.5
WIDE, PHONE = (1440, 900), (390, 844)


async def shoot(config: Path, port: int, names: Sequence[str], told: Mapping[str, str]) -> None:
    """Run a config, and take some of the pictures of its page."""
    path = shutil.which("chromium")
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pipeline", "run", str(config), cwd=ROOT, env={**os.environ, **told},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S), async_playwright() as playwright:
            await listening(port)
            browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
            for name in names:
                phone = name.endswith("-phone")
                width, height = PHONE if phone else WIDE
                page = await browser.new_page(
                    viewport={"width": width, "height": height},
                    device_scale_factor=2 if phone else 1,
                    is_mobile=phone,
                )
                await LOOKS[name](page, f"http://127.0.0.1:{port}/view/")
                pixels = np.frombuffer(await page.screenshot(), np.uint8)
                await page.close()
                target = ROOT / "docs" / "images" / f"{name}.jpg"
                picture = cv2.imdecode(pixels, cv2.IMREAD_COLOR)
                cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 86])
                print(f"{name}: {target.stat().st_size} bytes")
            await browser.close()
    finally:
        running.terminate()
        await running.wait()


async def main() -> None:
    missing = [str(clip) for clip in CLIPS.values() if not clip.exists()]
    if shutil.which("chromium") is None or missing:
        print(f"viewer: left as it was, for want of {', '.join(missing) or 'chromium'}")
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        import_model(zoo.spec(DETECTOR[0]), [DETECTOR[1]])
        file = Path(folder) / "viewer.yaml"
        file.write_text(CONFIG.format(port=port, **CLIPS), "utf-8")
        await shoot(file, port, ("viewer", "viewer-phone"), {})
        told = {**ready_everything(Path(folder)), "LISTEN": f"127.0.0.1:{port}"}
        # At rest, so that what a slow node has said is about the picture that is shown.
        told["SOURCE"] = held(told["SOURCE"], STILL, CAR_S, Path(folder))
        await shoot(ROOT / "configs" / "everything.yaml", port, ("everything",), told)


if __name__ == "__main__":
    asyncio.run(main())
