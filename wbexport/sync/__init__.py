"""From W&B into the store, again and again."""
