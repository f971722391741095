"""Other sources than the config's."""

import pytest

from tests.config.parts import LOOKED_AT, load, mistakes

TEXT = "streams:\n  a: '${NOWHERE}'\n  b: { source: y.mp4, priority: 2, loop: true }\n"


@pytest.mark.parametrize(
    ("given", "a", "b"),
    [
        (["z.mp4"], "z.mp4", "z.mp4"),
        (["a=z.mp4"], "z.mp4", "y.mp4"),
        (["z.mp4", "b=rtsp://c/x?t=1&u=2"], "z.mp4", "rtsp://c/x?t=1&u=2"),
        (["b=1.mp4", "z.mp4"], "z.mp4", "z.mp4"),
        (["rtsp://c/x?token=1"], "rtsp://c/x?token=1", "rtsp://c/x?token=1"),
        (["./a=b.mp4"], "./a=b.mp4", "./a=b.mp4"),
        (["${HOME}"], "${HOME}", "${HOME}"),
    ],
)
def test_a_source_takes_the_place_of_all_or_of_one(given: list[str], a: str, b: str) -> None:
    streams = load(TEXT + LOOKED_AT, {}, sources=given).streams
    assert (streams["a"].options.source, streams["b"].options.source) == (a, b)
    assert (streams["b"].priority, streams["b"].options.loop) == (2, True)


def test_a_stream_that_nobody_knows_is_a_mistake() -> None:
    assert mistakes(TEXT, {"NOWHERE": "x"}, sources=["c=z.mp4"]) == [
        "0: --source: no stream 'c'; there is a, b"
    ]
