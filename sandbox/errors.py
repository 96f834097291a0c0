"""What goes wrong in the sandbox: every message is for the person who typed the command.

SandboxError
├── HouseDidNotStart, CannotStart, TwinDidNotStart, DevnetError
├── CannotPay                 the page or the attempt takes no payment
├── AskedWrongly              the command cannot mean what it says
├── Refused                   the service answered with an error
└── NobodyHome                no `pennyrail dev` runs over that folder
"""

from typing import ClassVar


class SandboxError(RuntimeError):
    """Root of the tree. The message says what is wrong and what to do about it."""

    exit_code: ClassVar[int] = 1


class AskedWrongly(SandboxError):
    """The command cannot mean what it says."""

    exit_code = 2


class NobodyHome(SandboxError):
    """No `pennyrail dev` runs over that folder."""

    exit_code = 2
