"""A gate that lets frames through while something moves."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.frame import Frame
from stages.motion import MotionGate, MotionOptions
from stages.stage import StageContext
from tests.factory import frame_of, grey_frame
from tests.pipeline.running import run, total


def gate(**options: float) -> MotionGate:
    told = MotionOptions.model_validate({"hold_s": 0, **options})
    return MotionGate(told, StageContext("motion"))


def spotted(seq: int, left: int, stream: str = "a", grey: int = 250) -> Frame:
    """Grey, with a bright square of 1/16 of the picture."""
    pixels = np.full((90, 160, 3), 100, np.uint8)
    pixels[20:50, left : left + 30] = grey
    return frame_of(pixels, seq, stream)


def test_the_first_frame_of_a_stream_goes_through() -> None:
    (first,) = gate().run([grey_frame(0)])
    assert first is not None
    assert first.share == 1


def test_a_still_picture_does_not() -> None:
    assert gate().run([grey_frame(n) for n in range(4)])[1:] == [None] * 3


def test_the_share_is_that_of_the_pixels_that_changed() -> None:
    _, moved = gate().run([spotted(0, 10), spotted(1, 80)])
    assert moved is not None
    assert moved.share == pytest.approx(2 * 30 * 30 / (90 * 160), rel=0.02)
    assert moved.measure("share") == moved.share


@pytest.mark.parametrize(
    ("options", "opens"),
    [
        ({}, True),
        ({"threshold": 0.1}, True),
        ({"threshold": 0.2}, False),
        ({"delta": 200}, False),
    ],
)
def test_options_say_what_counts_as_motion(options: dict[str, float], opens: bool) -> None:
    _, moved = gate(**options).run([spotted(0, 10), spotted(1, 80)])
    assert (moved is not None) == opens


def test_what_creeps_adds_up_until_it_counts() -> None:
    """Five grey levels a frame are less than `delta`; twelve and more are not."""
    said = gate(delta=12).run([grey_frame(n, grey=100 + 5 * n) for n in range(7)])
    assert [one is not None for one in said] == [True, False, False, True, False, False, True]


def test_it_stays_open_for_a_while_after_the_last_motion() -> None:
    """25 frames a second: 0.19 s are five frames, that of the motion among them."""
    frames = [spotted(0, 10), *(spotted(n, 80) for n in range(10, 20))]
    said = gate(hold_s=0.19).run(frames)
    assert [one is not None for one in said] == [True] * 6 + [False] * 5
    assert [one.share for one in said[2:6] if one] == [0] * 4


def test_streams_do_not_share_a_background() -> None:
    moving = gate()
    moving.run([grey_frame(0, stream="a", grey=0)])
    assert moving.run([grey_frame(0, stream="b", grey=200)])[0] is not None
    assert moving.run([grey_frame(1, stream="b", grey=200)]) == [None]


def test_a_picture_of_another_size_is_no_motion() -> None:
    """The camera changed its resolution."""
    assert gate().run([grey_frame(0), grey_frame(1, width=128, height=96)])[1] is None


async def test_a_still_stream_spares_what_lies_behind_it(tmp_path: Path) -> None:
    """Thirty pictures, of which the tenth and the twentieth differ from the one before."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(30):
        picture = np.full((48, 64, 3), number // 10 * 80, np.uint8)
        cv2.imwrite(str(folder / f"{number:02}.png"), picture)
    pipeline = await run(
        tmp_path,
        f"""
        streams: {{ a: "{folder}" }}
        graph:
          motion: {{ stage: motion, hold_s: 0 }}
          count: {{ stage: "{{stages}}:Count", from: motion }}
        sinks:
          none: {{ sink: "null", from: count }}
        """,
    )
    assert total(pipeline, "motion").done == 30
    assert total(pipeline, "count").done == 3
    assert total(pipeline, "count").dropped == {"upstream": 27}


def test_another_threshold_counts_from_the_next_picture_on() -> None:
    shut = gate(threshold=1)
    assert shut.run([spotted(0, 10), spotted(1, 80)])[1] is None
    shut.retune(MotionOptions(threshold=0.05, hold_s=0))
    assert shut.run([spotted(2, 80)])[0] is not None
