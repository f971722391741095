"""Say in a sentence what a picture shows: an encoder looks once, a network finds each next word."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.captioning import PAD, UNKNOWN, Sentence, captions, parse_vocabulary, words_after
from models.errors import BadModel
from models.results import Caption
from stages.frame import Frame
from stages.model import open_model
from stages.picture import Wanted
from stages.stage import Stage, StageContext, StageOptions

HIDDEN = (PAD, UNKNOWN)  # words that stand for none


class CaptionOptions(StageOptions):
    """The keys of `stage: caption`."""

    model: str = Field(
        description="The network that finds the words: of the zoo, or the path of an ONNX file."
    )
    encoder: str = Field(
        description="The network that looks at the picture, of the zoo or a path: the one with "
        "which `model` was trained."
    )
    beam: int = Field(
        3, ge=1, le=32, description="Sentences that are followed side by side; 1 is greedy."
    )
    longest: int = Field(
        20, ge=1, le=200, description="Words of a sentence, at most, its end counted."
    )
    exact: bool = Field(
        False, description="Shrink pictures by averaging over areas: slower, without aliasing."
    )


class CaptionStage(Stage):
    """A sentence about each frame.

    The encoder sees the frames of a batch at once. There is no step form of the networks: each word
    runs the sentence from its beginning, for all beams of a frame in one batch. So it is slow: give
    its node an `fps`.
    """

    Options: ClassVar[type[StageOptions]] = CaptionOptions
    stateless = True

    def __init__(self, options: CaptionOptions, context: StageContext) -> None:
        """Open both networks.

        raises  ModelError when one is missing or does another task, when the words of `model` are
                not in its file, or when the two do not fit
        """
        self._options = options
        spec, self._words = open_model(options.model, "caption", context)
        eye, self._eye = open_model(options.encoder, "embed", context)
        told = self._words.metadata.get("vocabulary")
        if told is None:
            raise BadModel(
                f"{context.node}: wanted the words of {options.model} in its file, got none; "
                f"import it with its vocabulary: framewire models import {spec.name} FILE WORDS"
            )
        self._vocabulary = parse_vocabulary(told, options.model)
        wanted, given = self._words.inputs["features"].shape[1], self._eye.outputs["embedding"]
        if isinstance(given.shape[1], int) and given.shape[1] != wanted:
            raise BadModel(
                f"{context.node}: wanted an encoder that gives {wanted} numbers, got "
                f"{options.encoder}, which gives {given.shape[1]}"
            )
        self._wanted = Wanted.by(eye.input, exact=options.exact)

    def run(self, frames: Sequence[Frame]) -> Sequence[Caption]:
        """One `Caption` a frame."""
        images = np.stack([frame.picture.pixels(self._wanted) for frame in frames])
        features = np.asarray(self._eye.run({"image": images})["embedding"], np.float32)
        return [self._say(row) for row in features]

    def _say(self, features: NDArray[np.float32]) -> Caption:
        first, *others = captions(
            words_after(self._words, features),
            self._vocabulary,
            beams=self._options.beam,
            longest=self._options.longest,
        )
        return Caption(*_told(first), tuple(_told(one) for one in others))


def _told(sentence: Sentence) -> tuple[str, float]:
    words = [word for word in sentence.words if word not in HIDDEN]
    return " ".join(words), float(np.clip(sentence.score, 0, 1))
