"""The config: from YAML to values that are known to fit each other."""

from pipeline.config.boxes import (
    Batch,
    HttpConfig,
    NodeConfig,
    PipelineConfig,
    Policy,
    SinkConfig,
    StreamConfig,
)
from pipeline.config.errors import ConfigError, Mistake
from pipeline.config.load import load_config, parse_config
from pipeline.config.outline import CAPTURE
from pipeline.config.parts import Parts, installed_parts
from pipeline.config.secrets import Secrets

__all__ = [
    "CAPTURE",
    "Batch",
    "ConfigError",
    "HttpConfig",
    "Mistake",
    "NodeConfig",
    "Parts",
    "PipelineConfig",
    "Policy",
    "Secrets",
    "SinkConfig",
    "StreamConfig",
    "installed_parts",
    "load_config",
    "parse_config",
]
