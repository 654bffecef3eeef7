"""Bytes to and from W&B."""
