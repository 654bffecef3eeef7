"""From the store to a folder or a warehouse."""
