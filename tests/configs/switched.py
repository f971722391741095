"""Nodes that wait behind `#` in a config that ships."""

from pathlib import Path


def switched_on(config: Path, node: str) -> str:
    """The text of a config in which that node is one."""
    before, block, after = config.read_text("utf-8").partition(f"  # {node}:\n")
    assert block, f"{config.name} has no node {node} behind #"
    commented, gap, rest = after.partition("\n\n")
    lines = (line.replace("  # ", "  ", 1) for line in (block + commented).splitlines())
    return before + "\n".join(lines) + gap + rest
