"""The local DuckDB file."""
