"""What a filter or an order means: pure, no I/O."""
