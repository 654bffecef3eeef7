"""The sample project: sixty small training runs, as a store."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DEMO_PROJECT", "DEMO_STORE"]

#: Where the sample lies; `make_demo.py` makes it.
DEMO_STORE = Path(__file__).with_name("demo.duckdb")
DEMO_PROJECT = "demo/digits"
