"""A frame's picture with its results burned in, for sinks that show it to people."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.results import Veil
from sinks.sink import Recent
from stages.frame import Frame
from stages.overlay import draw
from stages.overlay.veil import hide_all, veil
from stages.picture import Wanted

Size = tuple[int, int]
NONE: Mapping[str, Recent] = MappingProxyType({})

FRESH_S = (
    0.5  # so old a result is drawn as if it were new: a node that says something twice a second
)
GONE_S = 10.0  # and is not drawn any more


def shown_size(size: Size, least: int, most: int | None = None) -> Size:
    """The size at which to show a picture: its own, unless it is too narrow or too wide.

    size         (width, height) in pixels
    least, most  bounds for the width; proportions are kept
    returns      (width, height), both even, as video encoders want them
    """
    width, height = size
    scale = max(1.0, least / width)
    if most is not None:
        scale = min(scale, most / width)
    return _even(width * scale), _even(height * scale)


def annotated(
    frame: Frame,
    nodes: Sequence[str],
    size: Size,
    *,
    recent: Mapping[str, Recent] = NONE,
    caption: bool = False,
    guards: Sequence[str] = (),
) -> NDArray[np.uint8]:
    """A new picture with what `nodes` have said about it, on what its guards let be seen.

    All veils are laid on before anything is drawn. When a guard has said nothing about the frame,
    or something else than a veil, the whole picture is pixelated.

    recent   by node: drawn below, the fainter the older
    size     (width, height) in pixels
    guards   the privacy nodes of the frame's stream
    caption  name the stream and its time in the lower left corner
    returns  (height, width, 3) uint8, blue, green, red, the caller's own
    """
    pixels = frame.picture.pixels(Wanted(*size, order="bgr")).copy()
    for node in dict.fromkeys((*guards, *nodes)):
        said = frame.results.get(node)
        if isinstance(said, Veil):
            veil(pixels, said)
        elif node in guards:
            hide_all(pixels)
    results = {node: frame.results[node] for node in nodes if node in frame.results}
    below = [(node, one.result, opacity(one.age)) for node, one in recent.items()]
    draw(pixels, results, f"{frame.stream}  {clock(frame.pts)}" if caption else "", below)
    return pixels


def opacity(age: float) -> float:
    """How strongly a result is drawn that is so many seconds old: 1 to 0."""
    return min(1.0, max(0.0, (GONE_S - age) / (GONE_S - FRESH_S)))


def clock(pts: float) -> str:
    """Seconds as minutes, seconds and milliseconds, with hours where there are any."""
    milliseconds = round(pts * 1e3)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{rest // 1000:02d}.{rest % 1000:03d}"


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)
