"""Where the boxes of a drawing go: in columns, ordered so that few arrows cross.

The usual four steps (Sugiyama et al. 1981): columns by the longest way, a point in every column
that an arrow passes, order by the mean of the neighbours, then heights as near to them as the order
allows.
"""

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

SWEEPS = 12
POINT = 16.0  # height that is kept free where an arrow passes a column


@dataclass(slots=True)
class Cell:
    """A box, or a point where an arrow passes a column.

    box            its index, or None for a point
    height, y      its height and its middle
    before, after  its neighbours in the columns beside it
    """

    box: int | None
    height: float
    y: float = 0.0
    before: list["Cell"] = field(default_factory=list, repr=False)
    after: list["Cell"] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Layers:
    """Columns from left to right, and for each arrow the cells that it passes."""

    columns: list[list[Cell]]
    ways: list[list[Cell]]


def layers(
    heights: Sequence[float],
    arrows: Sequence[tuple[int, int]],
    first: Sequence[bool],
    last: Sequence[bool],
    gap: float,
) -> Layers:
    """Lay out a graph without circles.

    heights      of each box
    arrows       pairs of indices into them
    first, last  which boxes belong into the first and the last column
    gap          least room between two boxes of a column
    """
    rank = _ranks(len(heights), arrows, first, last)
    columns: list[list[Cell]] = [[] for _ in range(max(rank, default=0) + 1)]
    cells = [Cell(index, height) for index, height in enumerate(heights)]
    for cell, at in zip(cells, rank, strict=True):
        columns[at].append(cell)
    ways = []
    for start, end in arrows:
        way = [cells[start]]
        for at in range(rank[start] + 1, rank[end]):
            way.append(Cell(None, POINT))
            columns[at].append(way[-1])
        way.append(cells[end])
        for left, right in pairwise(way):
            left.after.append(right)
            right.before.append(left)
        ways.append(way)
    _order(columns)
    _settle(columns, gap)
    return Layers(columns, ways)


def _ranks(
    count: int, arrows: Sequence[tuple[int, int]], first: Sequence[bool], last: Sequence[bool]
) -> list[int]:
    before: dict[int, list[int]] = {index: [] for index in range(count)}
    for start, end in arrows:
        before[end].append(start)
    rank = [0] * count
    for index in TopologicalSorter(before).static_order():
        lowest = 0 if first[index] else 1
        rank[index] = max([lowest, *(rank[start] + 1 for start in before[index])])
    end = max((r for r, is_last in zip(rank, last, strict=True) if not is_last), default=0) + 1
    return [end if is_last else r for r, is_last in zip(rank, last, strict=True)]


def _order(columns: list[list[Cell]]) -> None:
    """Sort every column by the mean place of its neighbours, and keep the best of all sweeps."""
    best = [list(column) for column in columns]
    fewest = _crossings(columns)
    place = {id(cell): float(i) for column in columns for i, cell in enumerate(column)}
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else columns[::-1]:
            wishes = [_mean(cell, place, forward=forward) for cell in column]
            order = sorted(range(len(column)), key=wishes.__getitem__)
            column[:] = [column[i] for i in order]
            place |= {id(cell): float(i) for i, cell in enumerate(column)}
        crossings = _crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    for column, kept in zip(columns, best, strict=True):
        column[:] = kept


def _mean(cell: Cell, place: dict[int, float], *, forward: bool) -> float:
    others = cell.before if forward else cell.after
    return sum(place[id(c)] for c in others) / len(others) if others else place[id(cell)]


def _crossings(columns: list[list[Cell]]) -> int:
    count = 0
    for left, right in pairwise(columns):
        place = {id(cell): i for i, cell in enumerate(right)}
        ends = [sorted(place[id(c)] for c in cell.after) for cell in left]
        seen: list[int] = []
        for group in ends:
            count += sum(len(seen) - bisect_right(seen, end) for end in group)
            for end in group:
                insort(seen, end)
    return count


def _settle(columns: list[list[Cell]], gap: float) -> None:
    for column in columns:
        y = 0.0
        for cell in column:
            cell.y = y + cell.height / 2
            y += cell.height + gap
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 else columns[::-1]:
            _pull(column, gap)


def _pull(column: list[Cell], gap: float) -> None:
    """Move a column's cells as near to the mean of their neighbours as order and room allow.

    Isotonic regression by pooling neighbours that would overlap.
    """
    offset, offsets = 0.0, []
    for above, cell in zip([None, *column], column, strict=False):
        if above is not None:
            offset += (above.height + cell.height) / 2 + gap
        offsets.append(offset)
    pools: list[tuple[float, int]] = []  # mean wish, cells
    for cell, shift in zip(column, offsets, strict=True):
        others = [*cell.before, *cell.after]
        wish = sum(c.y for c in others) / len(others) if others else cell.y
        pool = (wish - shift, 1)
        while pools and pools[-1][0] > pool[0]:
            value, size = pools.pop()
            total = size + pool[1]
            pool = ((value * size + pool[0] * pool[1]) / total, total)
        pools.append(pool)
    wishes = [value for value, size in pools for _ in range(size)]
    for cell, shift, wish in zip(column, offsets, wishes, strict=True):
        cell.y = wish + shift
