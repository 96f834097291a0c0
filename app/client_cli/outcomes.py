"""What a command tells: an envelope and an exit code, the server's or one that is made here."""

import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.commands import Commands

PROGRAM: Final = "pennyrail"
SUGGESTED: Final = Commands(PROGRAM)
# Runs as it stands: without a contact every signup makes a new agent.
SIGNUP: Final = f"{PROGRAM} signup --agent --agent-name my-agent --runtime shell --json"

Fields = Mapping[str, object]
Envelope = dict[str, object]

INVALID: Final = 2
AUTH: Final = 3
PROVIDER: Final = 7
TIMED_OUT: Final = 8
STORAGE: Final = 9
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is printed, and what the process ends with."""

    envelope: Envelope
    exit_code: int

    @property
    def ok(self) -> bool:
        """Whether the envelope says that it was done."""
        return self.envelope.get("ok") is True

    @property
    def data(self) -> Envelope:
        """The `data` of the envelope, empty if it has none."""
        return mapping(self.envelope.get("data"))

    @property
    def error_code(self) -> str | None:
        """The code of the envelope's error."""
        code = mapping(self.envelope.get("error")).get("code")
        return code if isinstance(code, str) else None

    @property
    def error_message(self) -> str:
        """The words of the envelope's error, empty if it has none."""
        return str(mapping(self.envelope.get("error")).get("message") or "")


class Refused(Exception):
    """A command stops here; `outcome` is what it tells."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error_code)
        self.outcome = outcome


def wait_command(reference: str = "PAYMENT_ATTEMPT_ID") -> str:
    """Wait for the end of a purchase."""
    return f"{PROGRAM} credits wait {shlex.quote(reference)} --json"


def success(label: str, data: Fields, *, warnings: Sequence[str] = ()) -> Outcome:
    """What was done without asking the server, or out of several of its answers."""
    return Outcome(
        _envelope(label) | {"ok": True, "data": dict(data), "warnings": list(warnings)}, exit_code=0
    )


def failure(
    label: str,
    code: str,
    message: str,
    *,
    exit_code: int,
    recovery: Fields,
    retryable: bool = False,
    data: Fields | None = None,
) -> Outcome:
    """What could not be done, in the shape that the server's refusals have."""
    error = {"code": code, "message": message, "retryable": retryable, "recovery": dict(recovery)}
    told = {"error": error, "data": None if data is None else dict(data)}
    return Outcome(_envelope(label) | told, exit_code)


def invalid(label: str, message: str, *, recovery: Fields) -> Outcome:
    """Arguments that do not fit."""
    return failure(label, "INVALID_ARGUMENTS", message, exit_code=INVALID, recovery=recovery)


def mapping(value: object) -> Envelope:
    """A JSON object, empty if it is none."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Envelope]:
    """The JSON objects of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> float | None:
    """A number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _envelope(label: str) -> Envelope:
    return {
        "ok": False,
        "command": f"{PROGRAM} {label}".strip(),
        "trace_id": f"trace_{secrets.token_hex(8)}",
        "actor": None,
        "data": None,
        "warnings": [],
        "error": None,
    }
