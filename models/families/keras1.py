"""Weight files of Keras 1, read as if Keras 2 had written them.

Keras 1 puts the layer's name into the weight's ("dense_1_W" for "kernel"), and an LSTM has twelve
tensors, three for each gate, where Keras 2 has three with the gates side by side
(keras/layers/recurrent.py of Keras 1.2, `LSTM.build`; legacy/saving of Keras 2, which does the same
when it loads such a file).
"""

import re
from collections.abc import Sequence

import numpy as np

from models.errors import BadWeights
from models.readers.weights import Stored, WeightFile

PARTS = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}
GATES = "ifco"  # the order within a tensor of Keras 2
# "dense_1_W", "forward_lstm_2_U_f": what stands before is the name of a layer.
WEIGHT = re.compile(r"(?P<layer>.+)_(?P<part>[WUb])(?:_(?P<gate>[icfo]))?")


def modern(source: WeightFile) -> WeightFile:
    """The same numbers under the names and in the arrays of Keras 2; others are left as they are.

    An embedding's "embedding_1_W" becomes "kernel" as well: shapes tell it from a dense layer's.
    """
    tensors: dict[str, Stored] = {}
    gates: dict[str, dict[str, str]] = {}
    for name, stored in source.items():
        folder, _, weight = name.rpartition("/")
        match = WEIGHT.fullmatch(weight)
        if match is None:
            tensors[name] = stored
            continue
        layer = match["layer"]
        # A layer inside a wrapper keeps its own name too: "bidirectional_1/forward_lstm_2".
        folder = folder if folder == layer else f"{folder}/{layer}"
        whole = f"{folder}/{PARTS[match['part']]}"
        if match["gate"] and (whole in gates or whole not in tensors):
            gates.setdefault(whole, {})[match["gate"]] = name
            tensors[whole] = stored  # holds the place of the gates in the file's order
        else:
            tensors[name if whole in tensors else whole] = stored
    for whole, parts in gates.items():
        missing = [gate for gate in GATES if gate not in parts]
        shapes = {source[name].shape for name in parts.values()}
        if missing or len(shapes) != 1 or len(next(iter(shapes))) not in {1, 2}:
            raise BadWeights(
                f"{source.file}: tensors for {whole}: wanted the gates i, f, c and o of one shape, "
                f"got {', '.join(f'{name} {source[name].shape}' for name in parts.values())}"
            )
        tensors[whole] = _joined([source[parts[gate]] for gate in GATES])
    return WeightFile(source.file, tensors, source.notes)


def _joined(parts: Sequence[Stored]) -> Stored:
    """The gates of one tensor side by side."""
    (*rows, units) = parts[0].shape
    return Stored(
        (*rows, len(parts) * units),
        parts[0].dtype,
        lambda: np.concatenate([part.read() for part in parts], axis=-1),
    )
