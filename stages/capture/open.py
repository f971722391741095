"""From what the config says to a source that is ready to be read."""

from pathlib import Path

from stages.capture.auto import choose
from stages.capture.av_source import AvSource
from stages.capture.folder import Folder
from stages.capture.options import CaptureOptions
from stages.capture.place import Kind, find_place
from stages.capture.recording import RecordingSource, segments
from stages.capture.still import StillSource
from stages.capture.testcard import CardAlbum, check_size
from stages.capture.whip import WhipSource
from stages.lane import Lane
from stages.source import Demand, Source

CARD_SIZE = "1280x720"


def make_source(
    stream: str,
    options: CaptureOptions,
    demand: Demand,
    folder: Path = Path(),
    lane: Lane | None = None,
) -> Source:
    """The source of one stream. Nothing is opened yet, but for `auto`, which tries the cameras.

    stream  its name in the config
    lane    gets its packets, and its pictures before they are given; None: nobody wants them
    folder  where a relative path starts
    raises  BadOptions if the source cannot be one: see `check_source`
    """
    lane = lane or Lane()
    place = find_place(options, folder)
    if place.kind is Kind.AUTO:
        place, options = choose(options)
    if place.kind is Kind.CARD:
        forever = options.model_copy(update={"loop": True})
        return StillSource(stream, CardAlbum(*_card_size(options), stream), forever, demand, lane)
    if place.kind is Kind.FOLDER:
        album = Folder(Path(place.address), stream, options)
        return StillSource(stream, album, options, demand, lane)
    if place.kind is Kind.RECORDING:
        return RecordingSource(stream, Path(place.address), options, demand, lane)
    if place.kind is Kind.WHIP:
        return WhipSource(stream, options, demand, lane)
    return AvSource(stream, place, options, demand, lane)


def check_source(options: CaptureOptions, folder: Path = Path()) -> None:
    """Look whether there is something to capture; nothing but the file system is asked.

    folder  where a relative path starts
    raises  BadOptions for a scheme that nobody here speaks, a file that is not there, a folder
            without pictures, a test card of an impossible size
    """
    place = find_place(options, folder)
    if place.kind is Kind.FOLDER:
        Folder(Path(place.address), "", options)
    if place.kind is Kind.RECORDING:
        segments(Path(place.address))
    if place.kind is Kind.CARD:
        check_size(*_card_size(options))


def _card_size(options: CaptureOptions) -> tuple[int, int]:
    width, height = (options.size or CARD_SIZE).split("x")
    return int(width), int(height)
