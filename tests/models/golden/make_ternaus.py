"""Writes ternaus.npz: what the original networks for surgical instruments say.

The original code, github ternaus/robot-surgery-segmentation at
1d181572647a585477f142a2906b735246276715, is run by PyTorch and filled by the seeded recipe of
tests/models/ternaus_state.py; none of framewire's own code is run. In an environment of its own:

    pip install torch==2.14.1 torchvision==0.29.1 numpy
    python -m tests.models.golden.make_ternaus CHECKOUT

Prints how many numbers each network holds, the encoder's unused classifier and counters left out.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch

from tests.models.ternaus_state import LABELS, pictures, sample, state

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # albumentations.Normalize
CLASSES = {"unet11": "UNet11", "unet16": "UNet16", "linknet34": "LinkNet34", "albunet34": "AlbuNet"}


def main(checkout: Path) -> None:
    found = importlib.util.spec_from_file_location("original", checkout / "models.py")
    assert found is not None
    assert found.loader is not None
    original = importlib.util.module_from_spec(found)
    found.loader.exec_module(original)

    normal = (pictures() / np.float32(255) - np.float32(MEAN)) / np.float32(STD)
    planes = torch.from_numpy(np.ascontiguousarray(normal.astype(np.float32).transpose(0, 3, 1, 2)))
    golden = {}
    for variant, kind in CLASSES.items():
        for outputs in (1, 4, 8):
            network = getattr(original, kind)(num_classes=outputs, pretrained=False).eval()
            once = [*network.named_parameters(), *network.named_buffers()]
            held = sum(
                tensor.numel()
                for name, tensor in once
                if not name.startswith("encoder.fc.") and not name.endswith("num_batches_tracked")
            )
            print(variant, outputs, held)
            if max(outputs, 2) == LABELS[variant]:
                golden |= record(variant, network, planes)
    np.savez_compressed(Path(__file__).with_name("ternaus.npz"), **golden)


def record(variant: str, network: torch.nn.Module, planes: torch.Tensor) -> dict[str, np.ndarray]:
    """The names, shapes and aliases of the state dict, and a sample of the output."""
    tensors = network.state_dict()
    # A tensor that is held twice has one address.
    first: dict[int, str] = {}
    aliases = {}
    for name, tensor in tensors.items():
        known = first.setdefault(tensor.data_ptr(), name)
        if known != name:
            aliases[name] = known
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    drawn = state(shapes, aliases)
    network.load_state_dict({name: torch.from_numpy(a) for name, a in drawn.items()})
    with torch.no_grad():
        output = network(planes).numpy().transpose(0, 2, 3, 1)
    return {
        f"{variant}/names": np.array(list(shapes)),
        f"{variant}/shapes": np.array([" ".join(map(str, shape)) for shape in shapes.values()]),
        f"{variant}/aliases": np.array([aliases.get(name, "") for name in shapes]),
        f"{variant}/output": sample(output),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
