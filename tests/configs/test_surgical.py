"""configs/surgical.yaml on a clip of a surgical robot, 1920x1080, twice side by side."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer
from onnx import TensorProto, helper

from models import zoo
from models.store import import_model
from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from sinks.record.index import search
from sinks.record.verify import verify
from tests.configs.switched import switched_on
from tests.models.data import shared
from tests.models.state_dict_file import write
from tests.models.test_ternaus import original_state
from tests.stages.own import own_model

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
    archive = tmp_path / "surgical"
    assert verify(archive).segments == 2
    for segment, _ in search(archive, ["left", "right"], None, None):
        with av.open(clip) as original, av.open(str(archive / segment.path)) as kept:
            assert len(_packets(kept)) == len(_packets(original)) == FRAMES


def _packets(file: InputContainer) -> list[bytes]:
    return [bytes(packet) for packet in file.demux(video=0) if packet.size]


def reads_red(folder: Path) -> Path:
    """`view.onnx`, a classifier: the share of a picture's light that is red is `inside`."""
    nodes = [
        helper.make_node("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["light", "places"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["sums", "channels"], ["all"], keepdims=1),
        helper.make_node("Div", ["sums", "all"], ["shares"]),
        helper.make_node("Slice", ["shares", "first", "second", "channels"], ["inside"]),
        helper.make_node("Sub", ["one", "inside"], ["outside"]),
        helper.make_node("Concat", ["inside", "outside"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "view",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 2])],
        [
            helper.make_tensor("places", TensorProto.INT64, [2], [1, 2]),
            helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
            helper.make_tensor("first", TensorProto.INT64, [1], [0]),
            helper.make_tensor("second", TensorProto.INT64, [1], [1]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
    told = "task: classify\ninput: {width: 8, height: 8, fit: stretch}\nlabels: [inside, outside]\n"
    own_model(folder / "view.onnx", graph, told)
    return folder / "view.onnx"


def says_nothing(folder: Path) -> Path:
    """`tools.onnx`, a segmenter that finds no instrument anywhere."""
    nodes = [
        helper.make_node("Cast", ["image"], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["light", "channels"], ["grey"], keepdims=0),
        helper.make_node("Mul", ["grey", "nothing"], ["none"]),
        helper.make_node("Cast", ["none"], ["classes"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "tools",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", 32, 40, 3])],
        [helper.make_tensor_value_info("classes", TensorProto.UINT8, ["B", 32, 40])],
        [
            helper.make_tensor("channels", TensorProto.INT64, [1], [3]),
            helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
        ],
    )
    told = "task: segment\ninput: {width: 40, height: 32}\nlabels: [background, tool]\n"
    own_model(folder / "tools.onnx", graph, told)
    return folder / "tools.onnx"


async def test_out_of_the_body_the_recording_shows_nothing(tmp_path: Path) -> None:
    """Stripes on tissue stay stripes; on the grey of a room they are seen no more."""
    (tmp_path / "feed").mkdir()
    for number, outside in enumerate((False, True, True, False)):
        picture = np.zeros((1080, 1920, 3), np.uint8)
        picture[:, :, 2] = 255
        picture[:, np.arange(1920) % 8 < 4, :2] = 120
        if outside:
            picture[:, :, 2] = picture[:, :, 1]
        cv2.imwrite(str(tmp_path / "feed" / f"{number}.png"), picture)
    text = switched_on(CONFIG, "view")
    config = tmp_path / "surgical.yaml"
    config.write_text(text)
    text = switched_on(config, "privacy")
    graph, sinks, rest = text.partition("sinks:\n")
    rest = rest.replace("from: capture\n", "from: [capture, privacy]\n")
    rest = rest.replace("from: [capture, tools]", "from: [capture, privacy, tools]")
    config.write_text(graph + sinks + rest)
    feed, out = str(tmp_path / "feed"), str(tmp_path)
    environ = {
        "LEFT": feed, "RIGHT": feed, "OUT": out, "LISTEN": "127.0.0.1:0",
        "MODEL": str(says_nothing(tmp_path)), "VIEW": str(reads_red(tmp_path)),
    }  # fmt: skip
    async with Pipeline(load_config(config, environ)) as pipeline:
        await pipeline.run()
    for stream in ("left", "right"):
        balance = pipeline.parts.graph.ledger()["recording"][stream]
        assert (balance.entered, balance.done) == (4, 4)
        with av.open(str(tmp_path / f"surgical-{stream}.mp4")) as recorded:
            frames = [frame.to_ndarray(format="gray") for frame in recorded.decode(video=0)]
        assert [bool(frame[500:600].std() > 15) for frame in frames] == [True, False, False, True]
