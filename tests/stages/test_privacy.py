"""What nobody is to see is not in the pixels; where it is not known, nothing is."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import BadShape, Result, Veil
from sinks.annotate import annotated
from stages.errors import BadOptions
from stages.frame import Frame
from stages.overlay.veil import hide
from stages.privacy import Privacy, PrivacyOptions
from stages.stage import StageContext
from tests.factory import detections, frame_of, nothing, top_labels
from tests.pipeline.running import run, total

SIZE = (160, 120)


def noise(results: dict[str, Result] | None = None) -> Frame:
    """A picture no two pixels of which are alike, so that what is hidden can be told."""
    pixels = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    return frame_of(pixels, results=results)


def privacy(*inputs: str, **options: object) -> Privacy:
    told = PrivacyOptions.model_validate({"margin": 0, **options})
    return Privacy(told, StageContext("privacy", inputs=inputs or ("faces",)))


def said(frame: Frame, *inputs: str, **options: object) -> Veil:
    (made,) = privacy(*inputs, **options).run([frame])
    assert isinstance(made, Veil)
    return made


def changed(frame: Frame, shown: np.ndarray) -> np.ndarray:
    """(H, W): which pixels are not those of the picture."""
    return np.asarray((shown != frame.picture.bgr).any(axis=2))


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_a_face_is_hidden_and_the_rest_is_not(how: str) -> None:
    frame = noise({"faces": detections((0.25, 0.25, 0.5, 0.75))})
    frame.say("privacy", said(frame, how=how))
    shown = annotated(frame, ["privacy"], SIZE, guards=["privacy"])
    hidden = changed(frame, shown)
    inside = np.zeros_like(hidden)
    inside[30:90, 40:80] = True
    assert not hidden[~inside].any()
    assert hidden[inside].mean() > 0.95
    assert len(np.unique(shown[30:90, 40:80].reshape(-1, 3), axis=0)) < 40 * 60


def test_it_is_hidden_before_anything_is_drawn_on_it() -> None:
    frame = noise({"faces": detections((0.25, 0.25, 0.5, 0.75))})
    bare = annotated(frame, ["faces"], SIZE)
    frame.say("privacy", said(frame))
    hidden = annotated(frame, ["faces", "privacy"], SIZE)
    box = np.zeros((120, 160), bool)
    box[33:87, 43:77] = True
    assert (bare[~box] == hidden[~box]).mean() > 0.9
    # The corner of the box is drawn on both.
    assert (bare[28:32, 38:44] == hidden[28:32, 38:44]).all()


def test_the_margin_hides_more_than_the_box() -> None:
    frame = noise({"faces": detections((0.4, 0.4, 0.6, 0.6))})
    assert said(frame, margin=0.5).boxes.tolist() == [pytest.approx([0.3, 0.3, 0.7, 0.7])]


def test_only_the_classes_that_are_named() -> None:
    frame = noise({"faces": detections((0, 0, 0.5, 0.5), (0.5, 0.5, 1, 1), classes=(0, 2))})
    assert said(frame, classes=["car"]).boxes.tolist() == [[0.5, 0.5, 1, 1]]
    with pytest.raises(BadOptions, match="classes: wanted some of person, bicycle, car, got dog"):
        said(frame, classes=["dog"])


def test_all_that_several_nodes_have_found() -> None:
    frame = noise({"a": detections((0, 0, 0.5, 0.5)), "b": detections((0.5, 0.5, 1, 1))})
    assert len(said(frame, "a", "b").boxes) == 2


def test_nothing_found_is_nothing_hidden() -> None:
    frame = noise({"faces": nothing()})
    frame.say("privacy", said(frame))
    assert not changed(frame, annotated(frame, [], SIZE, guards=["privacy"])).any()


@pytest.mark.parametrize(
    "results",
    [
        {},  # the detector said nothing
        {"faces": detections((np.nan, 0, 1, 1))},
        {"faces": detections((0, 0, np.inf, 1))},
        {"faces": top_labels({"face": 1.0})},  # no boxes
        {"faces": replace(detections((0, 0, 0.1, 0.1)), partial=True)},  # only some of them
    ],
)
def test_where_it_is_not_known_all_is_hidden(results: dict[str, Result]) -> None:
    frame = noise(results)
    frame.say("privacy", said(frame))
    assert changed(frame, annotated(frame, [], SIZE, guards=["privacy"])).mean() > 0.95


@pytest.mark.parametrize(
    ("outside", "whole"), [(0.9, True), (0.51, True), (0.5, False), (0.1, False), (None, True)]
)
def test_a_classifier_hides_all(outside: float | None, *, whole: bool) -> None:
    """Out of the body; and also when the classifier has said nothing."""
    frame = noise({} if outside is None else {"view": top_labels({"outside": outside})})
    made = said(frame, "view", whole_when="view.outside > 0.5")
    assert made.whole == whole
    assert made.measure("whole") == whole


def test_a_class_that_the_classifier_does_not_know_is_named() -> None:
    frame = noise({"view": top_labels({"inside": 0.9})})
    with pytest.raises(BadOptions, match="wanted a class or a number of view, got 'outsid'"):
        said(frame, "view", whole_when="view.outsid > 0.5")


def test_both_at_once() -> None:
    results = {"faces": detections((0, 0, 0.5, 0.5)), "view": top_labels({"outside": 0.1})}
    made = said(noise(results), "faces", "view", whole_when="view.outside > 0.5")
    assert not made.whole
    assert len(made.boxes) == 1


def test_a_guard_that_is_silent_lets_nothing_be_seen() -> None:
    frame = noise()
    shown = annotated(frame, ["capture"], SIZE, guards=["privacy"])
    assert changed(frame, shown).mean() > 0.95
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 16 * 16


def test_a_guard_that_says_something_else_lets_nothing_be_seen() -> None:
    frame = noise({"privacy": nothing()})
    assert changed(frame, annotated(frame, [], SIZE, guards=["privacy"])).mean() > 0.95


@pytest.mark.parametrize(
    ("inputs", "options", "wrong"),
    [
        ((), {}, "wanted a node that finds things in `from`, or `whole_when`, got neither"),
        (("a",), {"whole_when": "a > 1"}, "whole_when: wanted such as"),
        (("a",), {"whole_when": "b.x > 1"}, r"wanted a node of `from` \(a\), got 'b'"),
    ],
)
def test_options_that_would_hide_nothing_are_refused(
    inputs: tuple[str, ...], options: dict[str, str], wrong: str
) -> None:
    told = PrivacyOptions.model_validate(options)
    with pytest.raises(BadOptions, match=wrong):
        Privacy(told, StageContext("privacy", inputs=inputs))


def test_thousands_of_boxes_and_boxes_beyond_the_picture() -> None:
    boxes = np.random.default_rng(1).uniform(-3, 3, (5000, 4)).astype(np.float32)
    frame = noise({"faces": detections(*boxes.tolist())})
    frame.say("privacy", said(frame, margin=0.3))
    annotated(frame, [], SIZE, guards=["privacy"])


@pytest.mark.parametrize("how", ["blur", "pixelate"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2000, 3)])
def test_a_region_of_any_size_can_be_hidden(how: str, size: tuple[int, int]) -> None:
    hide(np.zeros((*size, 3), np.uint8), "blur" if how == "blur" else "pixelate", 0.1)


@pytest.mark.parametrize("how", ["blur", "pixelate"])
@pytest.mark.parametrize("side", [8, 20, 50, 400])
def test_a_small_face_is_hidden_too_however_little_is_asked_for(how: str, side: int) -> None:
    """Blocks of less than a pixel left a face of 50 pixels as it was."""
    face = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    shown = face.copy()
    hide(shown, "blur" if how == "blur" else "pixelate", 0.001)
    assert (shown != face).mean() > 0.9
    assert np.corrcoef(shown.ravel(), face.ravel())[0, 1] < 0.5
    if how == "pixelate":
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 20 * 20


def test_a_veil_is_made_of_numbers() -> None:
    with pytest.raises(BadShape, match="wanted numbers"):
        Veil(np.array([[np.nan, 0, 1, 1]], np.float32))


CONFIG = """
streams: {{ a: {folder} }}
graph:
  odd: {{ stage: "{{stages}}:Count" }}
  privacy: {{ stage: privacy, from: odd, when: odd.count > 0, margin: 0 }}
sinks:
  film: {{ sink: mp4, path: film.mp4, min_width: 64, caption: false, crf: 1, from: {inputs} }}
"""


async def test_a_film_shows_no_picture_that_its_guard_has_not_seen(tmp_path: Path) -> None:
    """It sees odd frames only, in which it hides the middle; of even ones nothing is seen."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    # Stripes of one pixel: grey, once they are hidden.
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, ::2] = 255
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    pipeline = await run(tmp_path, CONFIG.format(folder=folder, inputs="[capture, privacy]"))
    assert total(pipeline, "film").done == 6
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    for number in range(6):
        there, shown = film.read()
        assert there
        middle, corner = shown[100:140, 140:180].std(), shown[:50, :60].std()
        assert middle < 30
        assert (corner > 80) == (number % 2 == 1)
