"""The tensors of the two captioners, filled from a seed, under the names that their files have.

Needs nothing but numpy, for golden/make_caption.py.
"""

import numpy as np

from tests.models.seeded import draw

Layers = dict[str, dict[str, np.ndarray]]

SEED = 7
WORDS = 300  # thousands in the originals; only the embedding and the last layer grow with them
LENGTH = 12
GATES = "icfo"  # the order in which Keras 1 lists them
FORMS = ("ahead", "beside")


def layers(form: str) -> Layers:
    """By layer, in the file's order.

    "ahead"   ImageCaption: Keras 1 on Theano, an LSTM in twelve tensors
    "beside"  caption_generator: Keras 2, an LSTM in three
    """
    return _ahead() if form == "ahead" else _beside()


def inputs() -> dict[str, np.ndarray]:
    """Three pictures, and sentences of 1, 4 and 9 words; the rest is padding, the word 3."""
    random = np.random.default_rng(SEED)
    features = np.maximum(random.standard_normal((3, 4096), np.float32), 0)
    words = np.full((3, LENGTH), 3, np.int64)
    for row, count in zip(words, (1, 4, 9), strict=True):
        row[:count] = random.integers(4, WORDS, count)
    words[:, 0] = 0
    return {"features": features, "words": words}


def _ahead() -> Layers:
    return {
        "dense_1": _draw({"dense_1_W": (4096, 256), "dense_1_b": (256,)}),
        "repeatvector_1": {},
        "embedding_1": _draw({"embedding_1_W": (WORDS, 256)}),
        "lstm_1": _twelve("lstm_1", 256, 256),
        "timedistributed_1": _draw({"dense_2_W": (256, 256), "dense_2_b": (256,)}),
        "bidirectional_1": _twelve("forward_lstm_2", 256, 256)
        | _twelve("backward_lstm_2", 256, 256),
        "dense_3": _draw({"dense_3_W": (512, WORDS), "dense_3_b": (WORDS,)}),
        "activation_1": {},
    }


def _beside() -> Layers:
    return {
        "dense_1": _draw({"dense_1/kernel": (4096, 128), "dense_1/bias": (128,)}),
        "repeat_vector_1": {},
        "embedding_1": _draw({"embedding_1/embeddings": (WORDS, 256)}),
        "lstm_1": _three("lstm_1", 256, 256),
        "time_distributed_1": _draw(
            {"time_distributed_1/kernel": (256, 128), "time_distributed_1/bias": (128,)}
        ),
        "lstm_2": _three("lstm_2", 256, 1000),
        "dense_3": _draw({"dense_3/kernel": (1000, WORDS), "dense_3/bias": (WORDS,)}),
        "activation_1": {},
    }


def _draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {name: draw(name, shape, SEED) for name, shape in shapes.items()}


def _twelve(name: str, into: int, units: int) -> dict[str, np.ndarray]:
    shapes = {}
    for gate in GATES:
        shapes |= {
            f"{name}_W_{gate}": (into, units),
            f"{name}_U_{gate}": (units, units),
            f"{name}_b_{gate}": (units,),
        }
    return _draw(shapes)


def _three(name: str, into: int, units: int) -> dict[str, np.ndarray]:
    return _draw(
        {
            f"{name}/kernel": (into, 4 * units),
            f"{name}/recurrent_kernel": (units, 4 * units),
            f"{name}/bias": (4 * units,),
        }
    )
