"""A config's graph as a drawing: Mermaid text, and SVG."""

from pipeline.diagram.mermaid import mermaid
from pipeline.diagram.svg import svg

__all__ = ["mermaid", "svg"]
