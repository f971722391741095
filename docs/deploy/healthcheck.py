"""Whether the server in this container answers: exit code 0 if it does.

Asked over the container's own loopback, whose certificate is for other names: it is not looked at.
"""

import os
import ssl
import sys
import urllib.request

URL = os.environ.get("FRAMEWIRE_HEALTH", "https://127.0.0.1:8443/healthz")
TIMEOUT_S = 4.0


def main() -> int:
    """Ask once."""
    unchecked = ssl._create_unverified_context()  # noqa: S323 - see the module
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT_S, context=unchecked) as answer:  # noqa: S310 - the operator's own
            return 0 if answer.read(16) == b"ok" else 1
    except OSError as error:
        print(f"{URL}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
