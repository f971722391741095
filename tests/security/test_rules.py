"""ruff's rules of security are on; who leaves one out says why."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = re.compile(r"#\s*noqa:\s*[A-Z0-9, ]*\bS\d{3}\b(?P<why>.*)")


def test_each_rule_that_is_left_out_has_a_reason() -> None:
    bare = []
    for package in ("models", "stages", "sinks", "pipeline"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
                found = LEFT_OUT.search(line)
                if found and not re.match(r"[A-Z0-9, ]* - \w", found["why"]):
                    bare.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert bare == []
