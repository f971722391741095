"""Breaks valid files in many ways and has the readers read them: `python -m tests.fuzz`."""
