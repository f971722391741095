"""The config: from YAML to values that are known to fit each other."""

from pipeline.config.boxes import (
    Batch,
    NodeConfig,
    PipelineConfig,
    Policy,
    SinkConfig,
    StreamConfig,
)
from pipeline.config.errors import ConfigError, Mistake
from pipeline.config.http import AccessConfig, HttpConfig, LimitsConfig, TlsConfig, UserConfig
from pipeline.config.load import load_config, parse_config
from pipeline.config.outline import CAPTURE
from pipeline.config.parts import Parts, installed_parts
from pipeline.config.secrets import Secrets

__all__ = [
    "CAPTURE",
    "AccessConfig",
    "Batch",
    "ConfigError",
    "HttpConfig",
    "LimitsConfig",
    "Mistake",
    "NodeConfig",
    "Parts",
    "PipelineConfig",
    "Policy",
    "Secrets",
    "SinkConfig",
    "StreamConfig",
    "TlsConfig",
    "UserConfig",
    "installed_parts",
    "load_config",
    "parse_config",
]
