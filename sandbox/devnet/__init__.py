"""A pretend Base on loopback: anvil with chain id 8453 and a test USDC at Base's USDC address."""

from sandbox.devnet.anvil import TOKEN, Devnet, start
from sandbox.devnet.errors import DevnetDidNotStart, DevnetError, DevnetNotInstalled, DevnetRefused

__all__ = [
    "start",
    "Devnet",
    "TOKEN",
    "DevnetError",
    "DevnetNotInstalled",
    "DevnetDidNotStart",
    "DevnetRefused",
]
