"""What a user reads back from the store."""
