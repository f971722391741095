"""What framewire says while it runs: to stderr, for a person or for a machine, without secrets.

On a terminal it is coloured text, anywhere else one JSON object a line. What libraries say through
`logging` goes the same way.
"""

import logging
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from pipeline.config.secrets import Secrets

LEVELS = ("debug", "info", "warning", "error")
FIRST = ("timestamp", "level", "event")
DEPTH_MAX = 6  # of nested values; what lies deeper is shown as text


def configure(
    level: str = "info",
    secrets: Secrets | None = None,
    *,
    out: TextIO | None = None,
    human: bool | None = None,
) -> None:
    """Set up logging for the whole process. Called again, it replaces what it has set up.

    level    the least that is shown, one of `LEVELS`; of libraries, warnings and worse
    secrets  what no line may show
    out      where lines go; stderr, if left out
    human    for a person or for a machine; if left out, for a person on a terminal
    """
    out = out or cast("TextIO", Stderr())
    human = out.isatty() if human is None else human
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Mask(secrets or Secrets()),
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if human
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.WriteLoggerFactory(out),
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(_number(level), logging.WARNING))


class Stderr:
    """Whatever is standard error when a line is written: a live table puts itself in its place."""

    def write(self, text: str) -> int:
        """Write a part of a line."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Let it go out."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person may be looking."""
        return sys.stderr.isatty()


class Mask:
    """Takes secrets out of everything that a log line holds."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG002
        """The same line without secrets; what every line has comes first."""
        event = {key: event[key] for key in FIRST if key in event} | dict(event)
        return {
            key: value if key[:1] == "_" else self._shown(value) for key, value in event.items()
        }

    def _shown(self, value: object, depth: int = 0) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < DEPTH_MAX and isinstance(value, Mapping):
            return {str(key): self._shown(inner, depth + 1) for key, inner in value.items()}
        if depth < DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
            return [self._shown(inner, depth + 1) for inner in value]
        if isinstance(value, BaseException):
            value = f"{type(value).__name__}: {value}"
        text = str(value) if isinstance(value, str | PurePath) else repr(value)
        return self._secrets.mask(str.__str__(text))


def _number(level: str) -> int:
    if level not in LEVELS:
        raise ValueError(f"log level: wanted {', '.join(LEVELS)}, got {level!r}")
    return logging.getLevelNamesMapping()[level.upper()]
