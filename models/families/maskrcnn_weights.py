"""The tensors of Matterport's Keras 2 files, and where each goes.

`mask_rcnn_coco.h5` and what users have trained from it were saved by `save_weights`: a group for
each layer, and the three layers of the proposals in a group `rpn_model` of their own.
"""

import re

import keras

from models.families.maskrcnn_network import BOX_CROP
from models.readers.weights import WeightFile
from models.transfer import Array, Filled, Transfer, as_it_is

NESTED = "rpn_model"

# Where a file was saved from the network that is trained, newer ports of the code keep the anchors
# in it, as the one weight of a layer of that name.
ANCHORS = "anchors"

# Kernels (h, w, in, out), of that many cells a side, that are multiplied here: (h * w * in, out).
MULTIPLIED = {"mrcnn_class_conv1/kernel": BOX_CROP, "mrcnn_class_conv2/kernel": 1}

# TensorFlow 1 numbered the names of a second network in one process: "rpn_conv_shared_1/kernel".
NUMBERED = re.compile(r"_\d+$")


def fill(source: WeightFile, network: keras.Model) -> Filled:
    """Every tensor of the file to its variable.

    network  all parts, as `Networks.joined` gives them
    raises   BadWeights naming the file, the tensor, what was wanted and what was got
    """
    transfer = Transfer(source, network)
    wanted = {variable.path for variable in network.variables}
    for tensor in source:
        path = _path(tensor)
        if path in wanted:
            side = MULTIPLIED.get(path)
            whole = source[tensor].shape[:-2] == (side, side)
            transfer.move(tensor, path, _flattened if whole else as_it_is)
        elif tensor.startswith(f"{ANCHORS}/"):
            transfer.pass_over(tensor, "the anchors, which the graph makes itself")
    return transfer.finish()


def _path(tensor: str) -> str:
    """The variable for a tensor: its layer, and its own last name."""
    layer, _, rest = tensor.partition("/")
    between, _, last = rest.rpartition("/")
    if layer == NESTED:
        layer = NUMBERED.sub("", between.rpartition("/")[2])
    return f"{layer}/{last}"


def _flattened(kernel: Array) -> Array:
    return kernel.reshape(-1, kernel.shape[-1])
