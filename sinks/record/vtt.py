"""Results as a WebVTT metadata track, which browsers carry along the video they play.

A cue for each message: from its picture's time to the next picture's, its payload the message as
JSON without what the cue says already. WebVTT: https://www.w3.org/TR/webvtt1/, 1.6 and 4.1.
"""

import json
from collections.abc import Iterable
from itertools import pairwise

LAST_S = 0.04  # that the cues of the last picture are shown
LONGEST_S = 1.0  # that a cue is shown when nothing was said about the pictures after


def vtt(lines: Iterable[bytes], start: float) -> str:
    """The text of the track.

    lines  messages of docs/schema.md as JSON, in any order; what cannot be read is left out
    start  seconds on the stream's clock of the video's beginning
    """
    said = sorted(_payloads(lines), key=lambda one: one[0])
    moments = sorted({pts for pts, _ in said})
    after = dict(pairwise(moments))
    cues = ["WEBVTT\n"]
    for pts, payload in said:
        end = min(after.get(pts, pts + LAST_S), pts + LONGEST_S)
        cues.append(f"{_time(pts - start)} --> {_time(end - start)}\n{payload}\n")
    return "\n".join(cues)


def _payloads(lines: Iterable[bytes]) -> Iterable[tuple[float, str]]:
    for line in lines:
        try:
            message = json.loads(line)
            pts = float(message["pts"] if "pts" in message else message["detail"]["pts"])
        except (ValueError, KeyError, TypeError):
            continue  # the last line of a process that was killed
        told = {k: v for k, v in message.items() if k not in {"schema", "stream", "published_at"}}
        # An arrow would begin a new cue.
        yield pts, json.dumps(told, separators=(",", ":")).replace("-->", "--\\u003e")


def _time(seconds: float) -> str:
    millis = max(0, round(seconds * 1000))
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{millis // 1000:02}.{millis % 1000:03}"
