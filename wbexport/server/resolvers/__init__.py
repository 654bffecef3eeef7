"""GraphQL fields as reads and writes of the store."""
