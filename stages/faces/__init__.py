"""Faces beyond a box: turned upright, kept in files, given a shape."""
