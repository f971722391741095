"""The live table on the terminal: each node's rate, latency and losses."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.ledger import Balance
from pipeline.report import NodeReport, Report, StreamReport


def table(now: Report, before: Report | None, address: str | None) -> RenderableType:
    """The report as a table; rates are those since `before`, if there is one."""
    grid = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    grid.add_column("", min_width=14)
    for title in ("fps", "done", "dropped", "failed", "waiting", "stage ms", "p50 ms", "p95 ms"):
        grid.add_column(title, justify="right", min_width=7)
    grid.add_column("", min_width=20)
    for name, stream in now.streams.items():
        earlier = before.streams[name].captured if before else 0
        _stream_row(grid, name, stream, _rate(stream.captured, earlier, now, before))
    for name, node in now.nodes.items():
        earlier = before.nodes[name].total.done if before else 0
        _node_row(grid, name, node, _rate(node.total.done, earlier, now, before))
    foot = Text(f"{now.seconds:6.1f} s   {now.peak_rss_mb:.0f} MB peak   {now.cpu_s:.1f} s CPU")
    if address is not None:
        foot.append(f"   watch at {address}", style="bold")
    return Group(grid, Text(), foot)


def _rate(count: int, earlier: int, now: Report, before: Report | None) -> float:
    return (count - earlier) / max(now.seconds - (before.seconds if before else 0.0), 1e-9)


def _stream_row(grid: Table, name: str, stream: StreamReport, fps: float) -> None:
    remark = Text()
    if stream.failed:
        remark.append(stream.failed[:60], style="red")
    elif not stream.connected:
        remark.append(f"away for {stream.downtime_s:.0f} s in all", style="red")
    elif stream.every > 1:
        remark.append(f"overload: every {stream.every}th frame", style="yellow")
    grid.add_row(Text(f"● {name}", style="cyan"), f"{fps:.1f}", str(stream.captured),
                 "", "", "", "", "", "", remark)  # fmt: skip


def _node_row(grid: Table, name: str, node: NodeReport, fps: float) -> None:
    latency = node.latency
    grid.add_row(
        Text(f"→ {name}" if latency else f"  {name}", style="green" if latency else "bold"),
        f"{fps:.1f}",
        str(node.total.done),
        _losses(sum(node.total.dropped.values()), "yellow"),
        _losses(sum(node.total.failed.values()), "red"),
        str(node.depth),
        "" if node.ms is None else f"{node.ms:.1f}",
        "" if latency is None else f"{latency.p50:.1f}",
        "" if latency is None else f"{latency.p95:.1f}",
        _reasons(node.total),
    )


def _losses(count: int, style: str) -> Text:
    return Text(str(count), style=style if count else "dim")


def _reasons(total: Balance) -> Text:
    parts = [f"{reason} {n}" for reason, n in {**total.dropped, **total.failed}.items()]
    return Text("  ".join(parts), style="dim")
