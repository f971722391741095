"""What of the pipeline's report is told to somebody who may watch some of its streams only."""

from collections.abc import Mapping

from sinks.viewers import Viewer


def seen_by(viewer: Viewer, status: Mapping[str, object]) -> Mapping[str, object]:
    """The report without the streams that `viewer` may not watch; sums over all streams stay.

    status  as /api/status tells it
    """
    if viewer.streams is None:
        return status
    seen = dict(status)
    seen["streams"] = _streams(viewer, status.get("streams"))
    nodes = status.get("nodes")
    if isinstance(nodes, Mapping):
        seen["nodes"] = {
            name: {**node, "ledger": _streams(viewer, node.get("ledger"))}
            for name, node in nodes.items()
        }
    recent = status.get("recent")
    if isinstance(recent, list):
        seen["recent"] = [one for one in recent if viewer.may_watch(one["about"])]
    seen.pop("not_ready", None)  # its keys name streams
    if seen.get("failure") is not None:
        seen["failure"] = "failed"  # its words may name a stream
    return seen


def _streams(viewer: Viewer, streams: object) -> dict[str, object]:
    if not isinstance(streams, Mapping):
        return {}
    return {name: told for name, told in streams.items() if viewer.may_watch(name)}
