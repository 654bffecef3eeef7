"""Columnar shapes: pure functions, no I/O."""
