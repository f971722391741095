"""`framewire doctor`."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.doctor import Finding, examine

WIDTH = 140  # letters in a line that goes into a file
MARKS = {"good": ("✓", "green"), "missing": ("✗", "yellow"), "note": ("·", "dim")}


def doctor(redis: str | None) -> int:
    """Print what this machine can do, and what each missing thing would need."""
    table = Table("", "", "what there is", "what it would need", box=None)
    for column in table.columns:
        column.overflow = "fold"
    before = ""
    for finding in examine(redis):
        if finding.topic != before:
            if before:
                table.add_section()
            table.add_row("", Text(finding.topic, style="bold"), "", "")
            before = finding.topic
        table.add_row(*_row(finding))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(table)
    return 0


def _row(finding: Finding) -> tuple[Text, str, Text, Text]:
    mark, style = MARKS[finding.state]
    return (
        Text(mark, style=style),
        finding.name,
        Text(finding.found),
        Text(finding.needs, style=style),
    )
