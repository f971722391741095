"""What can go wrong with a model.

ModelError
├── UnknownModel      no spec of that name
├── MissingModel      the spec is known, its file is not here; says how to get it
├── DownloadFailed    a published file could not be fetched; says where to put it by hand
├── BadModel          the file is not what its spec says: what, wanted, got
├── BadWeights        a weight file is broken or holds the wrong tensors
│   └── OtherLength   a tensor is right but for the length of one axis
├── BadData           pictures, boxes or masks to train on are not what their format says
├── BadShape          an array handed to a result or a model has the wrong shape or dtype
└── NoDevice          the device asked for is not on this machine
"""


class ModelError(Exception):
    """The root of every error that `models` raises on purpose."""


class UnknownModel(ModelError):
    """No spec of that name."""


class MissingModel(ModelError):
    """The spec is known, but its file is not on this machine."""


class DownloadFailed(ModelError):
    """A published file could not be fetched."""


class BadModel(ModelError):
    """A model file does not do what its spec says."""


class BadWeights(ModelError):
    """A weight file is broken, or does not hold the tensors of its network."""


class OtherLength(BadWeights):
    """A tensor is right but for the length of one axis, as that of a layer for other classes is."""

    def __init__(self, message: str, wanted: int, got: int) -> None:
        super().__init__(message)
        self.wanted = wanted
        self.got = got


class BadData(ModelError):
    """Pictures, boxes or masks to train on are not what their format says."""


class BadShape(ModelError):
    """An array has another shape or dtype than its contract says."""


class NoDevice(ModelError):
    """The device asked for is not on this machine."""
