"""Readers of original weight files: strict, bounds-checked, and no code in a file is ever run."""
