"""What goes wrong on purpose, and what must hold while it does; docs/reliability.md has the figures."""
