"""Writes caption.npz: what the originals' networks say about seeded weights, pictures and words.

Not a test, and nothing of the project is run. Keras 1 on Theano and the Merge layer can no longer
be had, so the layers that train.py of ImageCaption (qhduan) and create_model of
anuragmishracse/caption_generator put together are put together from tf_keras, whose LSTM still has
the gates of those days (hard_sigmoid) and their order in memory.

    python -m venv golden
    golden/bin/pip install tensorflow==2.21.0 tf_keras==2.21.0
    golden/bin/python tests/models/golden/make_caption.py

README.md says what each array holds.
"""

import sys
from pathlib import Path

import numpy as np
from tf_keras import Model
from tf_keras.layers import (
    LSTM,
    Activation,
    Bidirectional,
    Dense,
    Embedding,
    Input,
    RepeatVector,
    TimeDistributed,
    concatenate,
)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.models.caption_file import FORMS, LENGTH, WORDS, inputs, layers  # noqa: E402


def network(form: str) -> Model:
    ahead = form == "ahead"
    width = 256 if ahead else 128
    features, words = Input((4096,)), Input((LENGTH,))
    picture = Dense(width, activation="relu", name="dense_1")(features)
    picture = RepeatVector(1 if ahead else LENGTH)(picture)
    text = Embedding(WORDS, 256, name="embedding_1")(words)
    text = LSTM(256, recurrent_activation="hard_sigmoid", return_sequences=True, name="lstm_1")(
        text
    )
    text = TimeDistributed(Dense(width), name="sentence")(text)
    joined = concatenate([picture, text], axis=1 if ahead else -1)
    joint = LSTM(256 if ahead else 1000, recurrent_activation="hard_sigmoid", name="lstm_2")
    joined = (Bidirectional(joint, name="bidirectional_1") if ahead else joint)(joined)
    made = Activation("softmax")(Dense(WORDS, name="dense_3")(joined))
    return Model([features, words], made)


def fill(model: Model, form: str) -> None:
    """Each layer's tensors in order; the twelve of a gate each are put side by side, i f c o."""
    names = {"timedistributed_1": "sentence", "time_distributed_1": "sentence"}
    for layer, tensors in layers(form).items():
        if not tensors:
            continue
        arrays = list(tensors.values())
        if len(arrays) >= 12:
            arrays = [part for way in range(0, len(arrays), 12) for part in three(arrays, way)]
        model.get_layer(names.get(layer, layer)).set_weights(arrays)


def three(arrays: list[np.ndarray], start: int) -> list[np.ndarray]:
    """Keras 1 lists W, U and b of the gates i, c, f and o."""
    gates = [arrays[start + 3 * place : start + 3 * place + 3] for place in (0, 2, 1, 3)]
    return [np.concatenate([gate[part] for gate in gates], axis=-1) for part in range(3)]


made = {}
for form in FORMS:
    model = network(form)
    fill(model, form)
    given = inputs()
    made[form] = model.predict([given["features"], given["words"]])
np.savez_compressed(HERE / "caption.npz", **made)
