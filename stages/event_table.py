"""Every event by name: when it happens, whom it is about, what its detail holds.

Names and the keys of a detail are stable: some may be added, none is taken away or given another
meaning. A stage of your own may announce names of its own. The table in `docs/events.md` is made
from this one (`python -m stages.event_table docs/events.md`).
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class EventKind:
    """What is told of one name.

    when    it happens
    who     announces it
    about   what `Event.about` names
    detail  by key: what it is, with its unit
    """

    when: str
    who: str
    about: Literal["stream", "node", "sink", "`run`"]
    detail: Mapping[str, str] = field(default_factory=dict)


THING = {
    "node": "the node that saw it",
    "place": "the area or the line, by its name in the config",
    "track": "the number of the track",
    "label": "its class",
}
SIGHTING = {
    "node": "the tracker",
    "track": "the number of the track",
    "label": "its class when it was last seen",
    "away_s": "seconds of stream time since it was last seen",
}
PRESENCE = {
    "node": "the node that saw it",
    "label": "the class",
    "share": "the share of the picture that it covers, in [0, 1]",
    "pts": "seconds of stream time",
}
COMMAND = {"command": "the id of the command"}
GIVEN_WAY = {
    "level": "how far the stream has given way, 0 for not at all",
    "every": "only each such frame is worked on",
    "optional": "whether stages marked `optional` still see it",
}

EVENTS: Mapping[str, EventKind] = {
    "run.started": EventKind(
        "The run begins: models are open, sources are about to be read.", "pipeline", "`run`",
        {"pid": "of the process", "streams": "how many", "nodes": "how many, without sinks"},
    ),
    "run.stopping": EventKind(
        "The end has come, and the graph is drained. A run that was killed does not say so.",
        "pipeline", "`run`",
        {"why": "`sources ended`, `asked` (a signal, `--for`), or what failed"},
    ),
    "descriptors.short": EventKind(
        "More than nine tenths of the file descriptors that the process may have are open; without "
        "any, no camera that is back, no viewer and no file can be opened.",
        "pipeline", "`run`", {"open": "how many are", "limit": "how many may be"},
    ),
    "descriptors.enough": EventKind(
        "At most eight tenths of them are open again.",
        "pipeline", "`run`", {"open": "how many are", "limit": "how many may be"},
    ),
    "source.lost": EventKind(
        "A live source broke off, stalled or was not there; it is tried again until it is back.",
        "capture", "stream", {"error": "why"},
    ),
    "source.back": EventKind(
        "Frames come again.", "capture", "stream", {"away_s": "seconds without it"}
    ),
    "source.ended": EventKind("A file or a list of pictures is at its end.", "capture", "stream"),
    "source.refused": EventKind(
        "A source can never be read: no such file, no such format. It is not tried again.",
        "capture", "stream", {"error": "why"},
    ),
    "source.failed": EventKind(
        "The capture thread ended by a mistake of ours.", "capture", "stream", {"error": "which"}
    ),
    "stage.removed": EventKind(
        "A stage failed `errors_max` times on end and is taken out (`on_error: skip`), or the run "
        "ends (`on_error: stop`).",
        "worker", "node", {"error": "the last failure", "failures": "how many on end"},
    ),
    "stage.hung": EventKind(
        "A call of a stage took longer than `hang_s`; its frames have failed.",
        "worker, isolation", "node",
        {"hang_s": "the limit in seconds", "frames": "how many it held", "stream": "of the first",
         "seq": "of the first"},
    ),
    "stage.resumed": EventKind(
        "A call that had been given up came back; the node takes frames again.",
        "worker", "node", {"after_s": "seconds that it took"},
    ),
    "worker.lost": EventKind(
        "The process of an isolated stage died, or was killed because it hung; its batch failed.",
        "isolation", "node", {"exit_code": "of the process; -9 if it was killed"},
    ),
    "worker.back": EventKind(
        "Another process has taken its place.", "isolation", "node", {"pid": "its process id"}
    ),
    "sink.lost": EventKind(
        "A sink could not write a batch: the disk is full, or its peer is away and no spool takes "
        "it.",
        "sink worker", "sink", {"error": "why"},
    ),
    "sink.back": EventKind(
        "It writes again, and has for a second.", "sink worker", "sink",
        {"away_s": "seconds since it was lost", "failed": "deliveries that it lost meanwhile"},
    ),
    "delivery.refused": EventKind(
        "A peer does not want a message for good, and it is given up; told once a second at most.",
        "sinks webhook, mqtt, kafka", "sink",
        {"messages": "how many so far in this run", "error": "what the peer said"},
    ),
    "delivery.waiting": EventKind(
        "A peer is away: what comes waits on disk, and goes in order when it is back.",
        "sinks redis, webhook, mqtt, kafka", "sink", {"error": "what was wrong"},
    ),
    "delivery.resumed": EventKind(
        "All that waited on disk since then has gone.", "sinks redis, webhook, mqtt, kafka", "sink",
        {"away_s": "seconds since it began to wait", "replayed": "how many messages that were"},
    ),
    "encoder.lost": EventKind(
        "NVENC could not be opened for a stream, or failed; x264 encodes it from that very picture "
        "on.",
        "sinks webrtc, restream, record", "stream", {"error": "why"},
    ),
    "recording.event": EventKind(
        "What `when` asks for began to hold, and is recorded.", "sink record", "stream",
        {"pts": "seconds of stream time of the picture", "at": "when it was taken"},
    ),
    "recording.stopped": EventKind(
        "Nothing is recorded: the disk is full, or has too little room.", "sink record", "sink",
        {"why": "what the disk said"},
    ),
    "recording.resumed": EventKind(
        "It is recorded again.", "sink record", "sink", {"after": "why it was not"}
    ),
    "control.snapshot": EventKind(
        "Somebody asked for a snapshot over Redis.", "sink redis", "stream", COMMAND
    ),
    "control.record": EventKind(
        "Somebody asked over Redis that the stream be recorded again.",
        "sink redis", "stream", COMMAND,
    ),
    "control.pause": EventKind(
        "Somebody asked over Redis that the stream be not recorded.",
        "sink redis", "stream", COMMAND,
    ),
    "setting.changed": EventKind(
        "Somebody gave an option of a node another value over Redis; it lasts until the run ends.",
        "pipeline", "node",
        {"option": "of the node's stage", "before": "its value; a mapping as JSON",
         "after": "the same", "sink": "over which it came", **COMMAND,
         "by": "who gave the command, as they say, or null"},
    ),
    "stream.degraded": EventKind(
        "Under overload, a stream of low priority gives way by one level.",
        "overload", "stream", GIVEN_WAY,
    ),
    "stream.restored": EventKind(
        "It comes back by one level.", "overload", "stream", GIVEN_WAY
    ),
    "zone.entered": EventKind("A tracked thing came into an area.", "stage zones", "stream", THING),
    "zone.left": EventKind(
        "It left the area, or was lost in it.",
        "stage zones", "stream", {**THING, "dwell_s": "seconds of stream time it was inside"},
    ),
    "line.crossed": EventKind(
        "A tracked thing crossed a line.",
        "stage zones", "stream", {**THING, "direction": "`in` or `out`"},
    ),
    "track.lost": EventKind(
        "A tracked thing was not seen for three frames on end.", "stage track", "stream", SIGHTING
    ),
    "track.found": EventKind("It is seen again.", "stage track", "stream", SIGHTING),
    "presence.entered": EventKind(
        "A class of a segmentation came into the picture.", "stage segment", "stream", PRESENCE
    ),
    "presence.left": EventKind("It left the picture.", "stage segment", "stream", PRESENCE),
}  # fmt: skip


def table() -> str:
    """All of it in Markdown."""
    rows = ["| name | when | about | announced by | detail |", "|---|---|---|---|---|"]
    for name, kind in EVENTS.items():
        detail = "; ".join(f"`{key}`: {text}" for key, text in kind.detail.items()) or "-"
        rows.append(f"| `{name}` | {kind.when} | {kind.about} | {kind.who} | {detail} |")
    return "\n".join(rows)


def filled(page: str) -> str:
    """`page` with the table between its markers made anew."""
    return re.sub(
        r"(<!-- begin: events -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}{table()}\n{found[2]}",
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text("utf-8")), "utf-8")
