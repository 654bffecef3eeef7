"""W&B's query language: the documents, sending them, and models of the nodes in the answers."""
