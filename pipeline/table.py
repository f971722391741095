"""The live table on the terminal: each node's rate, latency and losses."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.ledger import Balance
from pipeline.report import NodeReport, Report, StreamReport

TITLES = ("fps", "done", "dropped", "failed", "waiting", "stage ms", "p50 ms", "p95 ms")
WIDE = {"done", "p50 ms"}  # of these, those that a narrow table does without


def table(now: Report, before: Report | None, address: str | None) -> RenderableType:
    """The report as a table, and what it costs; rates are those since `before`, if there is one."""
    foot = Text(f"{now.seconds:6.1f} s   {now.peak_rss_mb:.0f} MB peak   {now.cpu_s:.1f} s CPU")
    if address is not None:
        foot.append(f"   watch at {address}", style="bold")
    return Group(grid(now, before), Text(), foot)


def grid(
    now: Report, before: Report | None, most: int | None = None, *, narrow: bool = False
) -> Table:
    """A row for each stream and each node.

    most    rows, or None for all; then streams with which all is well are left out, and counted
    narrow  fewer columns
    """
    made = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    titles = [title for title in TITLES if not (narrow and title in WIDE)]
    made.add_column("", min_width=10 if narrow else 14, no_wrap=True)
    for title in titles:
        least = max(len(title), 6 if narrow else 7)
        made.add_column(title, justify="right", min_width=least, no_wrap=True)
    made.add_column("", min_width=16 if narrow else 20, no_wrap=True)
    streams, left_out = _shown(now, most)
    for name, stream in streams.items():
        earlier = before.streams.get(name) if before else None
        fps = _rate(stream.captured, earlier.captured if earlier else 0, now, before)
        _add(made, titles, f"● {name}", "cyan", _stream_cells(stream, fps), _stream_remark(stream))
    if left_out:
        _add(made, titles, f"  {left_out} more", "dim", {}, Text("streams", style="dim"))
    for name, node in now.nodes.items():
        former = before.nodes.get(name) if before else None
        fps = _rate(node.total.done, former.total.done if former else 0, now, before)
        mark, style = ("→", "green") if node.latency else (" ", "bold")
        _add(made, titles, f"{mark} {name}", style, _node_cells(node, fps), _node_remark(node))
    return made


def _add(
    made: Table,
    titles: Sequence[str],
    name: str,
    style: str,
    cells: Mapping[str, str | Text],
    remark: Text,
) -> None:
    made.add_row(Text(printable(name), style), *(cells.get(t, "") for t in titles), remark)


def _shown(now: Report, most: int | None) -> tuple[Mapping[str, StreamReport], int]:
    """The streams for which there is room, those with which something is wrong first of all."""
    room = None if most is None else max(most - len(now.nodes), 1)
    if room is None or len(now.streams) <= room:
        return now.streams, 0
    order = sorted(now.streams, key=lambda name: _well(now.streams[name]))
    chosen = set(order[: room - 1])
    shown = {name: one for name, one in now.streams.items() if name in chosen}
    return shown, len(now.streams) - len(shown)


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _well(stream: StreamReport) -> bool:
    return stream.connected and not stream.failed and stream.every == 1


def _rate(count: int, earlier: int, now: Report, before: Report | None) -> float:
    return (count - earlier) / max(now.seconds - (before.seconds if before else 0.0), 1e-9)


def _stream_cells(stream: StreamReport, fps: float) -> dict[str, str | Text]:
    return {"fps": f"{fps:.1f}", "done": str(stream.captured)}


def _stream_remark(stream: StreamReport) -> Text:
    if stream.failed:
        return Text(printable(stream.failed)[:60], style="red")
    if not stream.connected:
        return Text(f"away for {stream.downtime_s:.0f} s in all", style="red")
    if stream.every > 1:
        return Text(f"overload: every {stream.every}th frame", style="yellow")
    return Text()


def _node_cells(node: NodeReport, fps: float) -> dict[str, str | Text]:
    cells: dict[str, str | Text] = {
        "fps": f"{fps:.1f}",
        "done": str(node.total.done),
        "dropped": _losses(
            sum(node.total.dropped.values()), "yellow" if node.total.lost else "dim"
        ),
        "failed": _losses(sum(node.total.failed.values()), "red"),
        "waiting": str(node.depth),
    }
    if node.ms is not None:
        cells["stage ms"] = f"{node.ms:.1f}"
    if node.latency is not None:
        cells |= {"p50 ms": f"{node.latency.p50:.1f}", "p95 ms": f"{node.latency.p95:.1f}"}
    return cells


def _node_remark(node: NodeReport) -> Text:
    return (Text("hangs  ", style="red") if node.hung else Text()) + _reasons(node.total)


def _losses(count: int, style: str) -> Text:
    return Text(str(count), style=style if count else "dim")


def _reasons(total: Balance) -> Text:
    lost = Counter(total.dropped) + Counter(total.failed)
    parts = [f"{reason} {n}" for reason, n in lost.items()]
    return Text(printable("  ".join(parts)), style="dim")
