"""The ONNX file of a classifier says what its Keras network says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import Input, ModelSpec
from models.session import open_session
from models.training import export, networks
from tests.models.parity import TOLERANCE, difference
from tests.models.seeded import draw, fill

LABELS = ("a", "b", "c")
SPEC = ModelSpec(
    *("shapes", "own", "classify", Input(64, 64, "bgr", "stretch", networks.CAFFE, (57.0,) * 3)),
    *(LABELS, "none", "none", None),
)


def test_a_classifier_that_looks_into_a_mirror_says_the_mean_of_both(tmp_path: Path) -> None:
    body = networks.backbone("mobilenet", SPEC.input, 0.25, None)
    fill(body, seed=1)
    trunk = networks.features(body, ("conv_pw_3_relu", "conv_pw_5_relu"))
    kernel = 30 * draw("kernel", (trunk.output_shape[1], 3), seed=2)
    network = networks.classifier(trunk, kernel, draw("bias", (3,), seed=2))
    pictures = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3), np.uint8)
    both = [networks.run(network, [*seen], SPEC.input) for seen in (pictures, pictures[:, :, ::-1])]
    wanted = np.mean(both, axis=0)
    assert np.abs(both[0] - both[1]).max() > 1e-3
    for halves, most in ((False, TOLERANCE), (True, 0.02)):
        spec = replace(SPEC, name=f"halves-{halves}")
        file = export.write(
            network, spec, export.classes(LABELS), tmp_path, mirror=True, halves=halves
        )
        session = open_session(file, device="cpu")
        session.check_against(spec)
        for count in (1, 3):
            fed = pictures[:count, ..., ::-1]  # the graph wants blue first, as its sidecar says
            got = session.run({"image": np.ascontiguousarray(fed)})["probabilities"]
            assert difference(got, wanted[:count]) <= most


def test_float16_halves_the_file(tmp_path: Path) -> None:
    body = networks.backbone("mobilenet", SPEC.input, 0.25, None)
    network = networks.classifier(
        networks.features(body, ()), np.zeros((256, 3), np.float32), np.zeros(3, np.float32)
    )
    sizes = [
        export.write(
            network,
            replace(SPEC, name=f"halves-{halves}"),
            export.classes(LABELS),
            tmp_path,
            mirror=False,
            halves=halves,
        )
        .stat()
        .st_size
        for halves in (False, True)
    ]
    assert sizes[1] / sizes[0] == pytest.approx(0.5, abs=0.1)
