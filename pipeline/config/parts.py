"""Where the names in a config are looked up: stages, sinks, models."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelError
from pipeline.config.http import TlsConfig
from sinks.errors import SinkError
from sinks.sink import Sink
from stages.capture.options import CaptureOptions
from stages.errors import StageError
from stages.stage import Stage

PartError = (StageError, SinkError, ModelError)
"""What a look-up raises when there is no part of that name."""


def _any_model(name: str, folder: Path) -> None:
    """Take every model as ready."""


def _any_source(options: CaptureOptions, folder: Path) -> None:
    """Take every source as there."""


def _any_certificate(tls: TlsConfig, folder: Path) -> None:
    """Take every certificate as good."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The look-ups. Each raises one of `PartError` with what was wanted and what comes near.

    stage   from a name, and the folder in which a path begins, to the class
    sink    from a name to the class
    model   checks that a model is known and its file is ready, for a name or a path in the folder
    source  checks that there is something to capture, as far as the file system tells
    certificate  checks that the server's own can be used; raises OSError if not
    """

    stage: Callable[[str, Path], type[Stage]]
    sink: Callable[[str], type[Sink]]
    model: Callable[[str, Path], None] = _any_model
    source: Callable[[CaptureOptions, Path], None] = _any_source
    certificate: Callable[[TlsConfig, Path], None] = _any_certificate


def installed_parts(*, ready: bool = True) -> Parts:
    """The parts that are installed with framewire, and those that others have added.

    ready  False: do not ask whether the models' files and the sources are there
    """
    from models.store import find  # noqa: PLC0415 - they load the classes themselves
    from pipeline.access.certificate import check_certificate  # noqa: PLC0415
    from sinks.registry import find_sink  # noqa: PLC0415
    from stages.capture import check_source  # noqa: PLC0415
    from stages.registry import find_stage  # noqa: PLC0415

    def model(name: str, folder: Path) -> None:
        find(str(folder / name) if name.endswith(".onnx") else name)

    if not ready:
        return Parts(find_stage, find_sink)
    return Parts(find_stage, find_sink, model, check_source, check_certificate)
