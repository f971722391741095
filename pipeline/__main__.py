"""Where `framewire` and `python -m pipeline` begin.

Nothing is imported before main(): Ctrl-C is answered from the first moment.
"""

import sys

INTERRUPTED = 130  # what a shell gives for a program that SIGINT has ended: 128 + 2


def main() -> None:
    """The console script `framewire`. Ctrl-C before a run has begun ends it without a word."""
    try:
        from pipeline.cli import main as command_line  # noqa: PLC0415

        command_line()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
