"""What goes wrong on purpose, and what must hold; docs/reliability.md has the figures."""
