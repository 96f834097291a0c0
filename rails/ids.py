"""Names for new things: a readable prefix and 96 random bits."""

import secrets


def new(prefix: str) -> str:
    """A fresh id such as `quote_1f3a...`: unguessable enough that knowing one tells nothing of another."""
    return f"{prefix}_{secrets.token_hex(12)}"
