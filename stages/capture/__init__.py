"""Sources: files, cameras, streams, folders, test card."""

from stages.capture.backoff import Backoff
from stages.capture.mask import mask
from stages.capture.open import check_source, make_source
from stages.capture.options import CaptureOptions

__all__ = ["Backoff", "CaptureOptions", "check_source", "make_source", "mask"]
