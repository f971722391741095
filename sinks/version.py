"""Which framewire this is, as peers are told."""

from importlib import metadata


def version() -> str:
    """The installed version, or "unknown" where it is not installed."""
    try:
        return metadata.version("framewire")
    except metadata.PackageNotFoundError:
        return "unknown"
