"""Breaks valid input in many ways and has its readers read it: `python -m tests.fuzz`."""
