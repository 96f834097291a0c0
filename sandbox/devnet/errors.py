"""What can go wrong with the devnet.

DevnetError
├── DevnetNotInstalled   a program of node_modules is missing
├── DevnetDidNotStart    anvil ended, or kept silent, before it listened
└── DevnetRefused        anvil answered a call with an error
"""

from typing import ClassVar

from sandbox.errors import SandboxError


class DevnetError(SandboxError):
    """Something about the pretend chain on this machine."""

    code: ClassVar[str] = "devnet"


class DevnetNotInstalled(DevnetError):
    """A program of node_modules is missing: `make install` brings it."""

    code = "devnet_not_installed"


class DevnetDidNotStart(DevnetError):
    """Anvil ended, or kept silent, before it listened."""

    code = "devnet_did_not_start"


class DevnetRefused(DevnetError):
    """Anvil answered a call with an error."""

    code = "devnet_refused"
