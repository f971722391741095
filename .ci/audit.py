"""Say what pip-audit found of pinned packages: `audit.py PIP-AUDIT REQUIREMENTS`.

0  nothing is known against them, or nobody could be asked, which is then said in so many words
1  something is known, or pip-audit failed for a reason of its own
"""

import json
import subprocess
import sys

UNREACHABLE = ("ConnectionError", "Could not connect", "Temporary failure", "timed out")
"""What pip-audit's errors say where the network is in the way."""


def main(command: str, requirements: str) -> int:
    """Audit, print, and return the exit status."""
    asked = [command, "--requirement", requirements, "--require-hashes", "--disable-pip",
             "--format", "json", "--progress-spinner", "off", "--timeout", "10"]  # fmt: skip
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if any(word in done.stderr for word in UNREACHABLE):
            return unreachable(requirements, "no connection")
        print(f"audit: pip-audit failed with {done.returncode}:\n{done.stderr}", file=sys.stderr)
        return 1
    return judge(requirements, packages)


def judge(requirements: str, packages: list[dict[str, object]]) -> int:
    """The exit status for what pip-audit says of each package."""
    skipped = [package for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return unreachable(requirements, str(skipped[0]["skip_reason"]) if skipped else "no answer")
    for package in skipped:
        print(f"WARNING: not audited: {package['skip_reason']}")
    found = 0
    for package in packages:
        vulnerabilities = package.get("vulns")
        for one in vulnerabilities if isinstance(vulnerabilities, list) else ():
            mended = ", ".join(one["fix_versions"]) or "nothing yet"
            print(f"{package['name']} {package['version']}: {one['id']}, mended by {mended}")
            found += 1
    asked = len(packages) - len(skipped)
    print(f"audit: {requirements}: {found} known vulnerabilities in {asked} packages")
    return 1 if found else 0


def unreachable(requirements: str, why: str) -> int:
    """Nothing is known, which is not the same as nothing being wrong."""
    print(
        f"WARNING: audit: {requirements}: NOT AUDITED. The vulnerability data cannot be reached "
        f"from here ({why}): run `make audit` where PyPI's JSON interface can be."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
