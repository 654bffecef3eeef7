"""W&B's objects, read over the network."""
