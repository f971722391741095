"""What `docs/quickstart.md` shows is what happens."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")


def block(language: str, about: str) -> str:
    """The code of a language in which something is said."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    (only,) = (text for text in found if about in text)
    return str(only)


def test_a_stage_of_ones_own_runs_as_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "brightness.py").write_text(block("python", "class Brightness"))
    config = tmp_path / "mine.yaml"
    config.write_text(
        "streams: { a: { source: testcard, size: 320x180 } }\n"
        + block("yaml", "Brightness")
        + "sinks: { out: { sink: jsonl, path: out.jsonl, from: [light, faces] } }\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", str(config), "--for", "0.5"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    nodes = [json.loads(line)["node"] for line in lines]
    # A live source does not wait: on a busy machine a frame may be dropped before the second node.
    assert 0 < nodes.count("faces") <= nodes.count("light")


def test_every_make_target_it_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", PAGE)) <= targets


def test_every_command_it_names_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for command in set(re.findall(r"framewire ([a-z]+)", PAGE)):
        assert command in done.stdout
