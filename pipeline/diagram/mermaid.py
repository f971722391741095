"""A graph as Mermaid text, which many pages and editors draw."""

from pipeline.config import PipelineConfig
from pipeline.diagram.content import Box, drawing

_STYLES = {
    "stream": "fill:#0d948822,stroke:#0d9488",
    "node": "fill:#6366f122,stroke:#6366f1",
    "sink": "fill:#d9770622,stroke:#d97706",
}
# Mermaid's shapes: a stadium, a rectangle, and a rectangle with round corners.
_SHAPES = {"stream": '(["{}"])', "node": '["{}"]', "sink": '("{}")'}


def mermaid(config: PipelineConfig) -> str:
    """A left-to-right flowchart."""
    drawn = drawing(config)
    lines = ["flowchart LR"]
    for index, box in enumerate(drawn.boxes):
        lines.append(f"    b{index}{_SHAPES[box.kind].format(_label(box))}:::{box.kind}")
    lines += [f"    b{start} --> b{end}" for start, end in drawn.arrows]
    lines += [f"    classDef {kind} {style}" for kind, style in _STYLES.items()]
    return "\n".join(lines) + "\n"


def _label(box: Box) -> str:
    head = f"<b>{_escaped(box.title)}</b>"
    return "<br/>".join([head, *(_escaped(t) for t in (box.about, *box.notes) if t)])


def _escaped(text: str) -> str:
    """Mermaid takes its own entities in quotes, `#` first: it begins them."""
    for sign, entity in (("#", "#35;"), ("&", "#38;"), ("<", "#60;"), (">", "#62;"), ('"', "#34;")):
        text = text.replace(sign, entity)
    return text
