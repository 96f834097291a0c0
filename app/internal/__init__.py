"""The API server's door: services that spend agents' credits for them, at /internal/v1."""
