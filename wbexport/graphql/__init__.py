"""W&B's query language."""
