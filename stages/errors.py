"""What can go wrong on a frame's way.

StageError
├── BadPicture        a picture without pixels, or in a form that cannot be read
├── BadOptions        a stage cannot be made from what the config says
└── SourceError       a source cannot be opened, or broke off
    ├── SourceLost    it may come back: try again
    └── SourceRefused it will not: no such file, not a video, wrong password
        └── BadFile   a file: it stays what it is, so nobody need ask again
"""


class StageError(Exception):
    """The root of every error that `stages` raises on purpose."""


class BadPicture(StageError):
    """A picture has no pixels, or is in a form that cannot be read."""


class BadOptions(StageError):
    """A stage or a source cannot be made from what the config says."""


class SourceError(StageError):
    """A source cannot be opened, or broke off."""


class SourceLost(SourceError):
    """A source that may come back: a camera that went away, a network that failed."""


class SourceRefused(SourceError):
    """A source that will not come by trying again: no such file, not a video, no permission."""


class BadFile(SourceRefused):
    """A file that is no video, or none that is taken: it stays what it is."""
