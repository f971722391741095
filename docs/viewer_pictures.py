"""The pictures of the viewer's page in docs/images: a graph on real clips, looked at in Chromium.

`make pictures` takes them, where the clips and a browser are. The clips are under CC BY: a road
(Intel IoT DevKit, sample-videos, 4.0) and a meadow (Big Buck Bunny, Blender Foundation, 3.0).
"""

import asyncio
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import cv2
from pictures import DATA, ROOT  # type: ignore[import-not-found]
from playwright.async_api import Page, async_playwright

from models import zoo
from models.store import import_model

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
ALL_LIVE = "() => document.querySelectorAll('[data-state=live]').length === 4"
# A car is followed, and is in the middle of the picture on the screen.
CARS = """() => new Promise((done) => {
  const road = document.getElementById("name-road").closest("article");
  road.addEventListener("framewire:picture", ({ detail: { moment } }) => {
    const { values = [] } = moment?.said.get("follow")?.data.boxes ?? {};
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


async def take(page: Page, address: str, *, large: bool) -> bytes:
    """The page once there is something to see."""
    await page.goto(f"{address}#road" if large else address)
    await page.wait_for_function(
        "() => document.querySelectorAll('[data-state=live]').length === 4"
    )
    if not large:
        await page.keyboard.press("g")
    await asyncio.sleep(SETTLE_S)  # until pictures wait for their results, and rates are known
    await page.evaluate(CARS)
    return await page.screenshot()


async def main() -> None:
    browser_path = shutil.which("chromium")
    missing = [str(clip) for clip in CLIPS.values() if not clip.exists()]
    if browser_path is None or missing:
        print(f"viewer: left as it was, for want of {', '.join(missing) or 'chromium'}")
        return
    import_model(zoo.spec(DETECTOR[0]), [DETECTOR[1]])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "viewer.yaml"
        file.write_text(CONFIG.format(port=port, **CLIPS), "utf-8")
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pipeline", "run", str(file), cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_S), async_playwright() as playwright:
                await listening(port)
                browser = await playwright.chromium.launch(executable_path=browser_path, args=ARGS)
                for name, width, height in (("viewer", 1440, 900), ("viewer-phone", 390, 844)):
                    phone = width < height
                    page = await browser.new_page(
                        viewport={"width": width, "height": height},
                        device_scale_factor=2 if phone else 1,
                        is_mobile=phone,
                    )
                    png = Path(folder) / f"{name}.png"
                    png.write_bytes(await take(page, f"http://127.0.0.1:{port}/view/", large=phone))
                    await page.close()
                    target = ROOT / "docs" / "images" / f"{name}.jpg"
                    cv2.imwrite(str(target), cv2.imread(str(png)), [cv2.IMWRITE_JPEG_QUALITY, 86])
                    print(f"{name}: {target.stat().st_size} bytes")
                await browser.close()
        finally:
            running.terminate()
            await running.wait()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    asyncio.run(main())
