"""A rail that reads a clock of its own."""
