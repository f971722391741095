"""A sentence about a picture."""

from dataclasses import dataclass
from typing import ClassVar

from models.errors import BadShape
from models.results.result import Wire


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says about a whole picture.

    text          the likeliest sentence, words parted by a space; empty if it said nothing
    score         how sure it is: the geometric mean of its words' probabilities, in [0, 1]
    alternatives  the other sentences that the search kept, with their scores, the likeliest first
    raises        BadShape if a score is outside of [0, 1]
    """

    text: str
    score: float
    alternatives: tuple[tuple[str, float], ...] = ()

    kind: ClassVar[str] = "caption"

    def __post_init__(self) -> None:
        for score in (self.score, *(one for _, one in self.alternatives)):
            if not 0 <= score <= 1:
                raise BadShape(f"Caption.score: wanted a number in [0, 1], got {score}")

    def measure(self, name: str) -> float:
        """`score` is the score; `words` is how many there are."""
        match name:
            case "score":
                return self.score
            case "words":
                return len(self.text.split())
        raise KeyError(name)

    def to_wire(self) -> Wire:
        return {
            "text": self.text,
            "score": round(self.score, 4),
            "alternatives": [
                {"text": text, "score": round(score, 4)} for text, score in self.alternatives
            ],
        }
