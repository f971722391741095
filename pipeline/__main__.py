"""`python -m pipeline` is `framewire`."""

from pipeline.cli import main

main()
