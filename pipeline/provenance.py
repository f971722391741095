"""What results come from: the digests of the config and of the models, kept with recordings."""

from collections.abc import Mapping
from contextlib import suppress

from models.errors import ModelError
from models.originals import digest
from models.store import find
from pipeline.config import PipelineConfig

MODELS = ("model", "encoder", "detector", "eyes")
"""The options of stages that name a model."""


def provenance(config: PipelineConfig) -> Mapping[str, str]:
    """sha256 by name: `config` of the file as it was read, `graph.NODE.model` of each ONNX file.

    It reads every model file: to be called in a thread.
    """
    found = {"config": config.digest}
    for name, box in config.graph.items():
        for key in MODELS:
            value = getattr(box.options, key, None)
            if isinstance(value, str) and value:
                path = str(config.folder / value) if value.endswith(".onnx") else value
                with suppress(ModelError, OSError):  # no model's name after all
                    found[f"graph.{name}.{key}"] = digest(find(path).path)
    return found
