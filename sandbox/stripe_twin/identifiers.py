"""Random names in Stripe's shapes."""

import secrets
import string

from eth_utils.address import to_checksum_address

ALPHABET = string.ascii_letters + string.digits
FRAGMENT_LENGTH = 320


def new(prefix: str, *, length: int = 24) -> str:
    """A fresh identifier: `pi_` and 24 letters or digits."""
    return f"{prefix}_{token(length)}"


def token(length: int) -> str:
    """Random letters and digits."""
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(length))


def address() -> str:
    """A fresh Base address in mixed case, whose private key nobody has."""
    return str(to_checksum_address(secrets.token_bytes(20)))


def transaction_hash() -> str:
    """A hash of no transaction."""
    return f"0x{secrets.token_hex(32)}"


def fragment() -> str:
    """The part of a Checkout URL after `#`, with an escape in it that careless code would decode."""
    return f"fid{token(FRAGMENT_LENGTH // 2)}%2F{token(FRAGMENT_LENGTH // 2)}%25"
