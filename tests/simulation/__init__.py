"""Random purchases against a world that misbehaves, and the one thing that must hold afterwards."""
