"""A sentence as a lower third: a panel that fits its lines, in the middle of the lower edge."""

from models.results import Caption, Result
from stages.overlay.canvas import BOLD, LIGHT, REGULAR, Canvas, panel, text_width, write

SCALE = 1.45  # of the letters, against those of a tag
WIDEST = 0.72  # of a line, as a share of the picture's width
LINES = 3


def paint_caption(canvas: Canvas, node: str, result: Result) -> None:  # noqa: ARG001
    """The text, wrapped to at most three lines, and behind its end how sure the model is."""
    if not isinstance(result, Caption) or not result.text.strip():
        return
    height, width = canvas.pixels.shape[:2]
    size = round(canvas.size * SCALE)
    text = result.text.strip()
    lines = _wrapped(text[:1].upper() + text[1:], round(width * WIDEST), size)
    share, gap = f"{result.score:.0%}", size // 2
    tail = gap + text_width(share, canvas.size, REGULAR)
    wide = [text_width(line, size, BOLD) for line in lines]
    inner = max(*wide, wide[-1] + tail)
    step, pad = round(size * 1.35), size
    high = step * len(lines) + pad
    top = max(0, height - high - 4 * canvas.size)
    panel(canvas, max(0, (width - inner) // 2 - pad), top, inner + 2 * pad, high)
    for number, (line, length) in enumerate(zip(lines, wide, strict=True)):
        last = number == len(lines) - 1
        left = (width - length - (tail if last else 0)) // 2
        base = top + pad // 2 + number * step + step // 2 + round(size * 0.36)
        write(canvas, line, left, base, LIGHT, BOLD, SCALE)
        if last:
            write(canvas, share, left + length + gap, base, (196, 188, 180), REGULAR)


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """Lines of whole words, as even as they come; what does not fit on the last is cut."""
    whole = text_width(text, size, BOLD)
    count = min(LINES, -(-whole // max(1, width)))
    while True:
        lines = _filled(text.split(), min(width, round(whole / count * 1.12)), size)
        if len(lines) <= count:
            return lines
        if count == LINES:
            lines = _filled(text.split(), width, size)
            return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1]} …"]
        count += 1


def _filled(words: list[str], width: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, BOLD) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, width, size))
    return lines


def _cut(word: str, width: int, size: int) -> str:
    """A word as far as it fits."""
    while len(word) > 1 and text_width(word, size, BOLD) > width:
        word = f"{word[:-2]}…"
    return word
