"""What a converter writes may change only together with its version.

A converted file is kept under a key that holds the version: were it the same for two graphs,
machines that have converted before would go on with the old one.
"""

import hashlib
from collections.abc import Callable

import onnx
import pytest

from models.export import CONVERTER_VERSION
from models.store import Model

# Of the nodes and constants of each graph. When they change: raise CONVERTER_VERSION, and write the
# new digests here under it.
VERSION = 4
DIGESTS = {"blazeface-short": "213ccbc348f00c00", "facemesh-468": "80c6f7db974652b0"}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_change_of_the_graph_is_a_change_of_the_version(
    zoo_model: Callable[[str], Model], name: str
) -> None:
    graph = onnx.load(zoo_model(name).path).graph
    digest = hashlib.sha256()
    for node in graph.node:
        attributes = [(a.name, onnx.helper.get_attribute_value(a)) for a in node.attribute]
        digest.update(repr((node.op_type, [*node.input], [*node.output], attributes)).encode())
    for constant in graph.initializer:
        array = onnx.numpy_helper.to_array(constant)
        digest.update(repr((constant.name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    assert (CONVERTER_VERSION, digest.hexdigest()[:16]) == (VERSION, DIGESTS[name])
