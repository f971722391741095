"""A graph as SVG, drawn without help, for light and dark pages."""

from html import escape

from pipeline.config import PipelineConfig
from pipeline.diagram.content import Box, Drawing, drawing
from pipeline.diagram.layers import Cell, Layers, layers

MARGIN = 28.0
HEAD = 34.0  # room for the words over the columns
GAP_X = 84.0
GAP_Y = 22.0
PAD = 14.0  # between a box's edge and its text
LINE = 17.0
WIDEST = 34  # letters of one line
WIDTHS = (8.0, 7.0, 6.2)  # of a letter, in the title, the second line and the notes
LEAST_WIDTH = 110.0
ARROW = 7.0  # length of an arrow's head

STYLE = """\
text { font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif }
.back { fill: #ffffff } .box { fill: #f8fafc; stroke: #cbd5e1 }
.title { font-size: 14px; font-weight: 600; fill: #0f172a }
.about { font-size: 12.5px; fill: #334155 }
.note { font-size: 11px; fill: #64748b } .head { font-size: 12px; fill: #64748b }
.arrow { fill: none; stroke: #94a3b8; stroke-width: 1.6 } .tip { fill: #94a3b8 }
.stream { fill: #0d9488 } .node { fill: #6366f1 } .sink { fill: #d97706 }
@media (prefers-color-scheme: dark) {
.back { fill: #0b1220 } .box { fill: #131c2e; stroke: #334155 }
.title { fill: #f1f5f9 } .about { fill: #cbd5e1 } .note, .head { fill: #94a3b8 }
.arrow { stroke: #64748b } .tip { fill: #64748b }
.stream { fill: #2dd4bf } .node { fill: #818cf8 } .sink { fill: #fbbf24 }
}"""


def svg(config: PipelineConfig) -> str:
    """A whole SVG document."""
    drawn = drawing(config)
    texts = [_lines(box) for box in drawn.boxes]
    laid = layers(
        [PAD * 1.5 + LINE * len(lines) for lines in texts],
        drawn.arrows,
        [box.kind == "stream" for box in drawn.boxes],
        [box.kind == "sink" for box in drawn.boxes],
        GAP_Y,
    )
    return _Page(drawn, texts, laid).text()


class _Page:
    """The places of everything, and the text made of them."""

    def __init__(self, drawn: Drawing, texts: list[list[str]], laid: Layers) -> None:
        self._drawn = drawn
        self._texts = texts
        self._laid = laid
        self._widths = [max(LEAST_WIDTH, *map(_width, range(3), _padded(t))) for t in texts]
        self._x: dict[int, tuple[float, float]] = {}  # left and right edge of each cell
        x = MARGIN
        for column in laid.columns:
            wide = max((self._widths[c.box] for c in column if c.box is not None), default=0.0)
            for cell in column:
                self._x[id(cell)] = (x, x + wide)
            x += wide + (GAP_X if wide else 0)
        self._width = x - GAP_X + MARGIN
        cells = [cell for column in laid.columns for cell in column]
        top = min((cell.y - cell.height / 2 for cell in cells), default=0.0)
        for cell in cells:
            cell.y += MARGIN + HEAD - top
        self._height = max((cell.y + cell.height / 2 for cell in cells), default=0.0) + MARGIN

    def text(self) -> str:
        width, height = f"{self._width:.0f}", f"{self._height:.0f}"
        names = ", ".join(box.title for box in self._drawn.boxes)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(f'A graph of {names}')}</title>",
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="back" width="{width}" height="{height}" rx="10"/>',
            *self._heads(),
            *self._arrows(),
        ]
        parts += [
            self._box(cell, cell.box)
            for column in self._laid.columns
            for cell in column
            if cell.box is not None
        ]
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _heads(self) -> list[str]:
        """The word over the first column of each kind."""
        seen: dict[str, float] = {}
        for column in self._laid.columns:
            for cell in column:
                if cell.box is not None:
                    seen.setdefault(self._drawn.boxes[cell.box].kind, self._x[id(cell)][0])
        words = {"stream": "streams", "node": "graph", "sink": "sinks"}
        return [
            f'<text class="head" x="{x:.1f}" y="{MARGIN + 10:.1f}">{words[kind]}</text>'
            for kind, x in seen.items()
        ]

    def _arrows(self) -> list[str]:
        leaving, coming = self._ports()
        parts = []
        for index, way in enumerate(self._laid.ways):
            x, y = self._x[id(way[0])][1], leaving[index]
            path = f"M{x:.1f} {y:.1f}"
            for cell in way[1:]:
                end = cell is way[-1]
                to_x = self._x[id(cell)][0] - (ARROW if end else 0)
                to_y = coming[index] if end else cell.y
                half = (to_x - x) / 2
                path += (
                    f" C{x + half:.1f} {y:.1f} {to_x - half:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
                )
                x, y = to_x, to_y
                if not end:  # straight past the boxes of this column
                    x = self._x[id(cell)][1]
                    path += f" H{x:.1f}"
            tip = f"M{x + ARROW:.1f} {y:.1f}l{-ARROW - 1:.1f} -4.5v9z"
            parts += [f'<path class="arrow" d="{path}"/>', f'<path class="tip" d="{tip}"/>']
        return parts

    def _ports(self) -> tuple[dict[int, float], dict[int, float]]:
        """Where each arrow leaves its box and where it comes in: spread over the box's side."""
        leaving: dict[int, float] = {}
        coming: dict[int, float] = {}
        for ports, near, far in ((leaving, 0, 1), (coming, -1, -2)):
            groups: dict[int, list[int]] = {}
            for index, way in enumerate(self._laid.ways):
                groups.setdefault(id(way[near]), []).append(index)
            for group in groups.values():
                heights = {index: self._laid.ways[index][far].y for index in group}
                group.sort(key=heights.__getitem__)
                cell = self._laid.ways[group[0]][near]
                step = min(10.0, (cell.height - 20) / len(group))
                for place, index in enumerate(group):
                    ports[index] = cell.y + (place - (len(group) - 1) / 2) * step
        return leaving, coming

    def _box(self, cell: Cell, index: int) -> str:
        box, lines = self._drawn.boxes[index], self._texts[index]
        left, right = self._x[id(cell)]
        top = cell.y - cell.height / 2
        size = f'width="{right - left:.1f}" height="{cell.height:.1f}"'
        full = escape("\n".join([box.title, box.about, *box.notes]))
        parts = [
            f"<g><title>{full}</title>",
            f'<rect class="box" x="{left:.1f}" y="{top:.1f}" {size} rx="8"/>',
            f'<rect class="{box.kind}" x="{left:.1f}" y="{top + 8:.1f}" width="4" '
            f'height="{cell.height - 16:.1f}" rx="2"/>',
        ]
        y = top + PAD * 0.75 + LINE * 0.75
        for number, line in enumerate(lines):
            style = ("title", "about", "note")[min(number, 2)]
            parts.append(
                f'<text class="{style}" x="{left + PAD:.1f}" y="{y:.1f}">{escape(line)}</text>'
            )
            y += LINE
        return "\n".join([*parts, "</g>"])


def _lines(box: Box) -> list[str]:
    return [_short(text) for text in (box.title, box.about or " ", *box.notes)]


def _padded(lines: list[str]) -> list[str]:
    """Title, second line, and the longest note."""
    return [lines[0], lines[1], max(lines[2:], key=len, default="")]


def _width(place: int, text: str) -> float:
    return len(text) * WIDTHS[place] + 2 * PAD


def _short(text: str) -> str:
    """A text that fits a line; of a long address, the beginning and the end tell most."""
    if len(text) <= WIDEST:
        return text
    head = WIDEST * 3 // 5
    return f"{text[:head]}...{text[head + 3 - WIDEST :]}"
