"""What the door may say instead of doing what it was asked.

PennyrailError
├── InvalidRequest            the request does not fit; `recovery["fields"]` names what
├── NotAllowed                the token is not valid, or lacks a scope
├── NotFound                  no such agent, hold, spend, outcome or model
├── InsufficientCredits       `recovery["top_up"]` is what to tell the agent
├── DailyJobCapReached        `recovery["resets_at"]`
├── AgentFrozen               no new holds and debits for now; holds that stand are settled as ever
├── Conflict                  the key was used for something else, or the balance has changed
├── HoldGone                  captured, released or out of time before
└── Unavailable               not now: it may have been done; the same key finds out
"""

from collections.abc import Mapping
from typing import Any


class PennyrailError(Exception):
    """Anything but success. `code` is stable; `retryable` means the same call with the same key.

    `idempotency_keys` are the keys of the call, in the order of its operations: none if it only reads.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        recovery: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retryable = retryable
        self.recovery = recovery or {}
        self.idempotency_keys: tuple[str, ...] = ()

    @property
    def idempotency_key(self) -> str | None:
        """The key to repeat the call with, if it was of one operation."""
        return self.idempotency_keys[0] if len(self.idempotency_keys) == 1 else None


class InvalidRequest(PennyrailError):
    """The request does not fit the contract."""


class NotAllowed(PennyrailError):
    """The token may not do this."""


class NotFound(PennyrailError):
    """Nothing has this id."""


class InsufficientCredits(PennyrailError):
    """The agent cannot spend so much, or would have less left than asked for."""


class DailyJobCapReached(PennyrailError):
    """No more jobs on free credits today."""


class AgentFrozen(PennyrailError):
    """The agent may spend nothing new until somebody lifts that."""


class Conflict(PennyrailError):
    """What was assumed is not so: the key is another request's, or the balance has another version."""


class HoldGone(PennyrailError):
    """The hold is not open any more."""


class Unavailable(PennyrailError):
    """No answer, or not now."""


# Said by the door, or by whatever stands between: nobody knows whether it was done.
AWAY: frozenset[int] = frozenset({502, 503, 504})

_BY_CODE: Mapping[str, type[PennyrailError]] = {
    "INVALID_ARGUMENTS": InvalidRequest,
    "REQUEST_TOO_LARGE": InvalidRequest,
    "AUTH_REQUIRED": NotAllowed,
    "SCOPE_REQUIRED": NotAllowed,
    "AGENT_NOT_FOUND": NotFound,
    "HOLD_NOT_FOUND": NotFound,
    "SPEND_NOT_FOUND": NotFound,
    "OUTCOME_NOT_FOUND": NotFound,
    "MODEL_NOT_FOUND": NotFound,
    "INSUFFICIENT_CREDITS": InsufficientCredits,
    "DAILY_JOB_CAP_REACHED": DailyJobCapReached,
    "AGENT_FROZEN": AgentFrozen,
    "IDEMPOTENCY_CONFLICT": Conflict,
    "BALANCE_VERSION_MISMATCH": Conflict,
    "HOLD_EXCEEDED": Conflict,
    "SPEND_EXCEEDED": Conflict,
    "HOLD_CLOSED": HoldGone,
    "HOLD_EXPIRED": HoldGone,
    "SERVICE_UNAVAILABLE": Unavailable,
}


def from_reply(status: int, error: Mapping[str, Any]) -> PennyrailError:
    """The error that a reply tells."""
    code = str(error.get("code", "INTERNAL_ERROR"))
    away = status in AWAY
    kind = Unavailable if away else _BY_CODE.get(code, PennyrailError)
    return kind(
        code,
        str(error.get("message", "")),
        status=status,
        retryable=away or bool(error.get("retryable")),
        recovery=error.get("recovery"),
    )
