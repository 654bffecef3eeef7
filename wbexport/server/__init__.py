"""The W&B protocol over the store."""
