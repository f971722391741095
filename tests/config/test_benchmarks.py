"""The configs that benchmarks write are good: these run seldom, and configs learn to want more."""

from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.subjects import framewire_file, live_latency, viewer_page
from benchmarks.throughput import model
from pipeline.config.load import parse_config


@pytest.mark.parametrize("subject", [framewire_file, live_latency, viewer_page])
def test_each_can_be_run(subject: ModuleType, tmp_path: Path) -> None:
    text = subject.CONFIG.format(
        clip="testcard", url="testcard", source="testcard",
        model=model(), parallel=1, here=subject.__file__,
    )  # fmt: skip
    assert parse_config(text.encode(), tmp_path / "config.yaml").graph
