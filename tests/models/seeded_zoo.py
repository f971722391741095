"""Models whose real weights are not here: files such as the originals', filled from a seed.

They are as large and as slow as with real weights. What they say means nothing; where that is a
shape, their last layer says the same everywhere, since noise is another load than real shapes are.
"""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models import zoo
from models.families import vgg16
from models.hollow import hollow
from models.spec import ModelSpec
from models.store import import_model, imported
from tests.models import caption_file, keras2_file, maskrcnn_file, state_dict_file
from tests.models.seeded import draw
from tests.models.test_ternaus import original_state
from tests.models.test_vggface import original_layers
from tests.models.test_vrn import t7_file
from tests.models.vrn_file import Module

Files = Callable[[ModelSpec, Path], list[Path]]

YES = 9.0  # as a logit
SLAB = slice(60, 140)  # of VRN's 200 layers of cells: a body whose surface is as large as a face's


def _maskrcnn(spec: ModelSpec, folder: Path) -> list[Path]:
    drawn = maskrcnn_file.drawn(len(spec.labels) + 1, spec.variant)
    _same_everywhere(drawn["mrcnn_mask"], "mrcnn_mask/kernel", "mrcnn_mask/bias")
    return [keras2_file.write(folder / "mask_rcnn_coco.h5", drawn)]


def _vgg16(spec: ModelSpec, folder: Path) -> list[Path]:
    """As Keras 2 writes what `vgg16.build` builds."""
    network = hollow(lambda: vgg16.build(spec))
    layers = keras2_file.by_layer(
        (w.path, draw(w.path, tuple(w.shape), 1)) for w in network.weights
    )
    return [keras2_file.write(folder / f"{spec.name}.h5", layers)]


def _vggface(spec: ModelSpec, folder: Path) -> list[Path]:
    file = folder / "rcmalli_vggface_tf_vgg16.h5"
    return [keras2_file.write(file, original_layers(zoo.spec("vggface")))]


def _vrn(_: ModelSpec, folder: Path) -> list[Path]:
    """The last layer says the same everywhere: noise would have no surface."""

    def tensors(module: Module) -> dict[str, np.ndarray]:
        drawn = module.tensors()
        if module.out == 200:
            _same_everywhere(drawn, "weight", "bias")
            drawn["bias"][: SLAB.start] *= -1
            drawn["bias"][SLAB.stop :] *= -1
        return drawn

    return [t7_file(folder, tensors)]


def _ternaus(spec: ModelSpec, folder: Path) -> list[Path]:
    """One instrument in the whole picture."""
    drawn = dict(original_state(spec.variant))
    _same_everywhere(drawn, "finalconv3.weight", "finalconv3.bias")
    drawn["finalconv3.bias"][2:] = 0
    drawn["finalconv3.bias"][0] = 0
    path = folder / f"{spec.name}.pt"
    state_dict_file.write(path, drawn)
    return [path]


def _same_everywhere(drawn: dict[str, np.ndarray], kernel: str, bias: str) -> None:
    """What is yes everywhere."""
    drawn[kernel] = np.zeros_like(drawn[kernel])
    drawn[bias] = np.full_like(drawn[bias], YES)


def _encoder(_: ModelSpec, folder: Path) -> list[Path]:
    return _vgg16(zoo.spec("vgg16-imagenet"), folder)


def _words(_: ModelSpec, folder: Path) -> list[Path]:
    special = ["<start>", "<end>", "<unk>", "<pad>"]
    others = [f"word{number}" for number in range(len(special), caption_file.WORDS)]
    words = folder / "words.json"
    words.write_text(json.dumps({"words": special + others, "length": caption_file.LENGTH}))
    file = folder / "weights-improvement-48.hdf5"
    return [keras2_file.write(file, caption_file.layers("beside")), words]


SEEDED: dict[str, Files] = {
    "maskrcnn-coco": _maskrcnn,
    "cars-vgg16": _vgg16,
    "vggface-fc7": _vggface,
    "vrn-unguided": _vrn,
    "ternaus-linknet34-instruments": _ternaus,
    "caption-encoder-flickr8k": _encoder,
    "caption-words-flickr8k": _words,
}


def ready_seeded(name: str, home: Path) -> None:
    """Import one of SEEDED into a cache, unless it is there."""
    if imported(name, home) is None:
        spec = zoo.spec(name)
        with TemporaryDirectory(dir=home) as folder:  # half a gigabyte for some
            import_model(spec, SEEDED[name](spec, Path(folder)), folder=home)
