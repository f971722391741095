"""configs/raccoon.yaml: the graph changes no number of the model's."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.session import open_session
from models.store import find
from models.training.config import Voc
from models.training.evaluate import Found, There, average_precision
from models.training.voc import read_voc
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from tests.models.data import shared

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "raccoon.yaml"
LEAST = 0.01  # what `average_precision` may look at: nearly the whole curve


def alone(files: list[Path]) -> list[Found]:
    """What the model says about each picture, laid into its input by hand."""
    model = find(str(ROOT / "models" / "trained" / "raccoon-320.onnx"))
    session, side = open_session(model.path, device="cpu"), model.spec.input.width
    found = []
    for file in files:
        pixels = cv2.imread(str(file))
        height, width = pixels.shape[:2]
        scale = side / max(height, width)
        inner = (round(width * scale), round(height * scale))
        left, top = (side - inner[0]) // 2, (side - inner[1]) // 2
        image = np.full((side, side, 3), 114, np.uint8)
        small = cv2.resize(pixels, inner, interpolation=cv2.INTER_LINEAR)
        image[top : top + inner[1], left : left + inner[0]] = small[..., ::-1]
        out = session.run({
            "image": image[np.newaxis],
            "score_threshold": np.array(LEAST, np.float32),
            "iou_threshold": np.array(0.45, np.float32),
        })  # fmt: skip
        boxes = out["boxes"] * side - np.array([left, top, left, top], np.float32)
        boxes /= np.array([*inner, *inner], np.float32)
        found.append(Found(boxes, out["scores"], out["classes"]))
    return found


@pytest.mark.slow
async def test_the_graph_finds_raccoons_as_well_as_the_model_alone(tmp_path: Path) -> None:
    folder = shared("raccoon")
    names = folder / "splits" / "dev.txt"
    data = Voc(
        format="voc", images=folder / "images", annotations=folder / "annotations", names=names
    )
    _, dev = read_voc(data)
    (tmp_path / "pictures").mkdir()
    for number, example in enumerate(dev):
        (tmp_path / "pictures" / f"{number}{example.file.suffix}").symlink_to(example.file)

    text = CONFIG.read_text("utf-8").replace("score: 0.5", f"score: {LEAST}")
    text = text.replace("../models", str(ROOT / "models"))
    text = text.replace("../out/", "")
    text = text.replace('    when: "raccoons.raccoon > 0"\n', "")
    (tmp_path / "raccoon.yaml").write_text(text)
    source = {"SOURCE": str(tmp_path / "pictures")}
    async with Pipeline(load_config(tmp_path / "raccoon.yaml", source)) as pipeline:
        await pipeline.run()

    with av.open(str(tmp_path / "raccoons-garden.mp4")) as film:
        assert len(list(film.decode(video=0))) == len(dev)
    lines = [json.loads(line) for line in (tmp_path / "raccoons.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(dev)))
    through = [
        Found(
            np.array(line["data"]["boxes"], np.float32).reshape(-1, 4),
            np.array(line["data"]["scores"], np.float32),
            np.array(line["data"]["classes"], np.int64),
        )
        for line in lines
    ]
    there = [There(example.boxes, example.classes) for example in dev]
    files = [example.file for example in dev]
    apart = average_precision(alone(files), there, 0)
    assert average_precision(through, there, 0) == pytest.approx(apart, abs=0.001)
    assert apart >= 0.75
