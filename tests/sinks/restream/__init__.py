"""Tests of the sink `restream`."""
