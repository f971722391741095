"""Sentences about pictures: greedy and by beams, from a captioner that fits on a page."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import BadModel, BadShape, Caption
from models.captioning import Vocabulary
from models.export.convert import family
from models.sidecar import write_sidecar
from models.zoo import ZOO
from stages.caption import CaptionOptions, CaptionStage
from stages.overlay import draw
from stages.stage import StageContext
from tests.factory import frame_of, grey_frame
from tests.models import caption_file, keras2_file
from tests.pipeline.running import run, total
from tests.stages import captioner


def stage(folder: Path, **options: object) -> CaptionStage:
    told = {"model": "words.onnx", "encoder": "eye.onnx", **options}
    return CaptionStage(
        CaptionOptions.model_validate(told), StageContext("caption", folder=folder, device="cpu")
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    captioner.eye(tmp_path)
    captioner.words(tmp_path)
    return tmp_path


def test_each_frame_of_a_batch_gets_its_own_sentence(folder: Path) -> None:
    said = stage(folder, beam=1).run([grey_frame(0, grey=220), grey_frame(1, "b", grey=20)])
    assert [one.text for one in said] == ["a bright picture", "a dark night"]
    assert said[0].score == pytest.approx((0.9 * 0.8 * 0.7) ** (1 / 4), abs=1e-3)
    assert said[0].alternatives == ()


def test_beams_find_a_likelier_sentence_and_tell_the_others(folder: Path) -> None:
    (said,) = stage(folder, beam=3).run([grey_frame(0, grey=20)])
    assert said.text == "dark night"
    assert said.score == pytest.approx(0.4 ** (1 / 3), abs=1e-3)
    assert {text for text, _ in said.alternatives} <= {"a dark night", "a night", "a picture"}
    assert len(said.alternatives) == 2


def test_a_sentence_is_no_longer_than_wanted(folder: Path) -> None:
    (said,) = stage(folder, beam=1, longest=2).run([grey_frame(0, grey=220)])
    assert said.text == "a bright"


def test_a_network_without_its_words_is_refused(folder: Path) -> None:
    captioner.words(folder, told=False)
    with pytest.raises(BadModel, match=r"wanted the words of words\.onnx in its file, got none"):
        stage(folder)


def test_an_encoder_of_another_length_is_refused(folder: Path) -> None:
    captioner.eye(folder, 512)
    wrong = r"wanted an encoder that gives 4096 numbers, got eye\.onnx, which gives 512"
    with pytest.raises(BadModel, match=wrong):
        stage(folder)


@pytest.mark.slow
@pytest.mark.parametrize("form", caption_file.FORMS)
def test_the_originals_networks_speak(form: str, tmp_path: Path) -> None:
    """With random weights: words of the vocabulary, a batch of beams, the same for each run."""
    spec = ZOO["caption-words" if form == "ahead" else "caption-words-flickr8k"]
    names = ("<start>", "<end>", "<unk>", "<pad>", *(f"w{n}" for n in range(4, caption_file.WORDS)))
    listed = tmp_path / "words.json"
    listed.write_text(Vocabulary(names, caption_file.LENGTH).to_json())
    weights = keras2_file.write(tmp_path / "weights.h5", caption_file.layers(form))
    with (tmp_path / "words.onnx").open("wb") as target:
        family(spec.family).convert(spec, [weights, listed]).write(target, {})
    write_sidecar(tmp_path / "words.onnx", spec)
    captioner.eye(tmp_path)
    frames = [grey_frame(0, grey=30), grey_frame(1, grey=230)]
    said = stage(tmp_path, beam=4).run(frames)
    again = stage(tmp_path, beam=4).run(frames[1:])
    assert said[1] == again[0]
    for one in said:
        assert set(one.text.split()) <= set(names[4:])
        assert len(one.text.split()) <= caption_file.LENGTH
        assert 0 < one.score < 1
        assert len(one.alternatives) == 3


async def test_it_runs_in_a_graph(folder: Path) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, grey in enumerate((220, 20)):
        picture = np.full((48, 64, 3), grey, np.uint8)
        cv2.imwrite(str(pictures / f"{number}.png"), picture)
    pipeline = await run(
        folder,
        """
        streams: { a: pictures }
        graph:
          caption: { stage: caption, model: words.onnx, encoder: eye.onnx, device: cpu }
        sinks:
          file: { sink: jsonl, path: out.jsonl, from: caption }
        """,
    )
    assert total(pipeline, "caption").done == 2
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [line["data"]["text"] for line in lines] == ["a bright picture", "dark night"]


def test_a_score_is_a_share() -> None:
    with pytest.raises(BadShape, match=r"Caption.score: wanted a number in \[0, 1\], got 2"):
        Caption("a dog", 2)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (1080, 1920), (3840, 2160)])
@pytest.mark.parametrize("text", ["a dog", "a man on a horse " * 12, "w" * 500])
def test_a_sentence_stands_low_in_the_middle_of_the_picture(
    size: tuple[int, int], text: str
) -> None:
    width, height = size
    pixels = np.full((height, width, 3), 128, np.uint8)
    draw(pixels, {"caption": Caption(text, 0.5)})
    rows, columns = np.nonzero((pixels != 128).any(axis=2))
    assert rows.min() > height * 0.5
    assert rows.max() < height - 1
    assert abs((columns.min() + columns.max()) / 2 - width / 2) <= width * 0.02
    assert columns.min() > 0
    assert columns.max() < width - 1


def test_without_words_nothing_is_drawn() -> None:
    frame = frame_of(np.full((240, 320, 3), 128, np.uint8))
    pixels = frame.picture.bgr.copy()
    draw(pixels, {"caption": Caption("", 0.5)})
    assert (pixels == 128).all()
