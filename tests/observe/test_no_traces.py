"""Traces are an extra."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.pipeline import Pipeline
from stages.errors import BadOptions


@pytest.mark.skipif(
    find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None,
    reason="wants a machine without opentelemetry-sdk",
)
async def test_without_their_packages_it_is_said_which_to_install(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "streams: { a: testcard }\nsinks: { n: { sink: 'null', from: capture } }\ntraces: {}"
    )
    with pytest.raises(BadOptions, match=r"pip install 'framewire\[otel\]'"):
        async with Pipeline(load_config(path)):
            pass
