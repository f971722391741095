"""What `make audit` says, by what pip-audit has said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CLEAN = {"name": "av", "version": "18.1", "vulns": []}
BAD = {
    "name": "av",
    "version": "18.1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["18.2"], "description": "it explodes"}],
}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found on PyPI: rich (14.0)"}


def audit(tmp_path: Path, stdout: str, stderr: str = "", status: int = 0) -> tuple[int, str]:
    """The exit status and the words for a pip-audit that says that."""
    pip_audit = tmp_path / "pip-audit"
    lines = ("#!/bin/sh", f"cat <<'END'\n{stdout}\nEND", f"echo '{stderr}' >&2", f"exit {status}")
    pip_audit.write_text("\n".join(lines))
    pip_audit.chmod(0o755)
    answer = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit.py", pip_audit, "run.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("packages", "status", "told"),
    [
        ([CLEAN], 0, "audit: run.txt: 0 known vulnerabilities in 1 packages"),
        ([CLEAN, BAD], 1, "av 18.1: PYSEC-1, mended by 18.2"),
        ([CLEAN, SKIPPED], 0, "WARNING: not audited: Dependency not found on PyPI: rich (14.0)"),
        ([BAD, SKIPPED], 1, "audit: run.txt: 1 known vulnerabilities in 1 packages"),
        ([SKIPPED, SKIPPED], 0, "WARNING: audit: run.txt: NOT AUDITED. "),
    ],
)
def test_what_is_known_decides(
    tmp_path: Path, packages: list[object], status: int, told: str
) -> None:
    got, words = audit(tmp_path, json.dumps({"dependencies": packages}))
    assert got == status
    assert told in words


def test_no_connection_is_said_and_no_failure(tmp_path: Path) -> None:
    got, words = audit(tmp_path, "", "requests.exceptions.ConnectionError: no such host", 1)
    assert got == 0
    assert "NOT AUDITED" in words


def test_another_failure_of_pip_audit_is_one(tmp_path: Path) -> None:
    got, words = audit(tmp_path, "", "no such file", 1)
    assert got == 1
    assert "pip-audit failed with 1" in words
