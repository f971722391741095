"""What a training gives back, and how it is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.training.checkpoint import Course


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training.

    model     the ONNX file
    scores    on `dev`, of the ONNX file as it is
    course    how it went
    pictures  how many there were in `train` and in `dev`
    notes     what else was found, such as anchors
    """

    model: Path
    scores: Mapping[str, object]
    course: Course
    pictures: Mapping[str, int]
    notes: Mapping[str, object]

    def report(self) -> dict[str, object]:
        """All of it as plain lists, numbers and text."""
        return {
            "model": self.model.name,
            "dev": dict(self.scores),
            "pictures": dict(self.pictures),
            "epochs": self.course.epochs,
            "best_epoch": self.course.best_epoch,
            "best_score": self.course.score,
            **self.notes,
            "history": self.course.history,
        }

    def write(self) -> Path:
        """Write it as JSON beside the model; returns where."""
        file = self.model.with_suffix(".report.json")
        file.write_text(json.dumps(self.report(), indent=1) + "\n", "utf-8")
        return file
