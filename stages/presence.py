"""Tell when something comes into a picture and when it leaves it."""

import numpy as np

from models.results import Segmentation
from models.results.segmentation import BACKGROUND
from stages.events import Event, Value
from stages.frame import Frame
from stages.stage import StageContext

PATIENCE = 3  # frames in a row that must agree, so that no flicker is an event


class Presence:
    """Announces `presence.entered` and `presence.left`, about the stream.

    least  share of the picture above which a class is there; below half of it, it is not
    """

    def __init__(self, least: float, context: StageContext) -> None:
        self.least = least
        self._context = context
        self._there: dict[tuple[str, str], bool] = {}
        self._against: dict[tuple[str, str], int] = {}

    def look(self, frame: Frame, said: Segmentation) -> None:
        """One more frame of its stream."""
        for number, share in enumerate(said.shares()):
            if number != BACKGROUND:
                self._judge(frame, said.labels[number], float(np.round(share, 5)))

    def _judge(self, frame: Frame, label: str, share: float) -> None:
        key = (frame.stream, label)
        there = self._there.get(key, False)
        now = share > (self.least / 2 if there else self.least)
        if now == there:
            self._against[key] = 0
            return
        self._against[key] = self._against.get(key, 0) + 1
        if self._against[key] < PATIENCE:
            return
        self._there[key], self._against[key] = now, 0
        name = "presence.entered" if now else "presence.left"
        detail: dict[str, Value] = {
            "node": self._context.node,
            "label": label,
            "share": share,
            "pts": frame.pts,
        }
        self._context.announce(Event(name, frame.stream, detail))
