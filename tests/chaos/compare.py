"""A stage that knows what its pictures should be."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import av
import numpy as np

from models.results import Detections
from stages.capture.testcard import Planes, read_counter
from stages.frame import Frame
from stages.picture import Picture
from stages.stage import Options, Stage, StageContext
from tests.factory import nothing
from tests.servers.film import Size
from tests.servers.program import card_program

CARD: Size = (640, 480)  # of the test card that `Compare` knows


class Compare(Stage):
    """Holds pictures against the test card as it was coded, to the last bit.

    seen  by stream: how many were (whole, marked as corrupt)
    """

    def __init__(self, options: Options, context: StageContext) -> None:
        self.seen: defaultdict[str, Counter[tuple[bool, bool]]] = defaultdict(Counter)
        self._card = _decoded(CARD)

    def run(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        for frame in frames:
            self.seen[frame.stream][self._whole(frame.picture), frame.corrupt] += 1
        return [nothing() for _ in frames]

    def _whole(self, picture: Picture) -> bool:
        wanted = self._card.get(read_counter(picture))
        return wanted is not None and all(map(np.array_equal, picture.planes, wanted))


def _decoded(size: Size) -> Mapping[int | None, Planes]:
    """The pictures of the card that the RTSP server shows, by number, as a decoder gives them."""
    decoder = av.CodecContext.create("h264", "r")
    coded = [b"".join(b"\0\0\0\1" + nal for nal in unit.nals) for unit in card_program(size).units]
    frames = [frame for data in coded for frame in decoder.decode(av.Packet(data))]
    pictures = [Picture.from_av(frame) for frame in [*frames, *decoder.decode(None)]]
    return {read_counter(one): tuple(p.copy() for p in one.planes) for one in pictures}  # type: ignore[misc]
