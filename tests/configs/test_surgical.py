"""configs/surgical.yaml on a clip of a surgical robot, 1920x1080, twice side by side."""

import json
from pathlib import Path

import av
import pytest

from models import zoo
from models.store import import_model
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from tests.models.data import shared
from tests.models.state_dict_file import write
from tests.models.test_ternaus import original_state

CONFIG = Path(__file__).parents[2] / "configs" / "surgical.yaml"
FRAMES = 20


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_two_feeds_are_segmented_and_recorded_and_no_frame_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights from a seed: how frames go does not depend on what is found in them."""
    clip = str(shared("surgical/endovis_davinci/short_source.mp4"))
    monkeypatch.setenv("FRAMEWIRE_HOME", str(tmp_path))
    write(tmp_path / "seeded.pt", original_state("linknet34"))
    import_model(zoo.spec("ternaus-linknet34-instruments"), [tmp_path / "seeded.pt"])
    environ = {"LEFT": clip, "RIGHT": clip, "OUT": str(tmp_path), "LISTEN": "127.0.0.1:0"}
    async with Pipeline(load_config(CONFIG, environ)) as pipeline:
        await pipeline.run()
    ledger = pipeline.parts.graph.ledger()
    for node in ("tools", "results", "recording"):
        for stream in ("left", "right"):
            balance = ledger[node][stream]
            assert balance.balanced
            assert (balance.entered, balance.done) == (FRAMES, FRAMES), (node, stream)
    lines = [json.loads(line) for line in (tmp_path / "surgical.jsonl").read_text().splitlines()]
    assert {line["kind"] for line in lines} == {"segmentation"}
    assert len(lines) == 2 * FRAMES
    for region in (region for line in lines for region in line["data"]["regions"]):
        assert region["share"] >= 0.002
        assert len(region["contour"]) >= 1
    for stream in ("left", "right"):
        with av.open(str(tmp_path / f"surgical-{stream}.mp4")) as recorded:
            frames = list(recorded.decode(video=0))
        assert len(frames) == FRAMES
        assert (frames[0].width, frames[0].height) == (1920, 1080)
