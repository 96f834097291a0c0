"""Expected failures at the doors.

DoorError
├── AuthRequired              no token, or one that is not valid
├── InvalidArguments          the request is not one that the contract knows
├── CredentialRejected        something was sent that nobody should ever send here
├── BodyTooLarge
├── RateLimited               too often, by this agent or from this address
├── NothingHere               this installation has nothing to serve at this path
├── KeysDiffer                the header Idempotency-Key and the field idempotency_key are not the same
├── WebhookRefused            not signed by the processor for us, or not now
├── ActivityNotFound          no event of this agent has this reference
├── ReceiptNotFound           no receipt of this agent has this id
├── NotReady                  nobody can be answered now, or no more may wait
├── ReceiptNotSealedYet       the receipt can be signed in a few seconds
└── ReceiptsUnavailable       this installation has no key to sign with

SettingsRefused               a process may not start: not a failure at a door
WrongSchema                   a process may not start: the database is of another version
"""

from dataclasses import dataclass


class DoorError(Exception):
    """Root of the tree. `code` is stable."""

    code = "DOOR_ERROR"


class AuthRequired(DoorError):
    """Nobody we know holds this token."""

    code = "AUTH_REQUIRED"


@dataclass
class InvalidArguments(DoorError):
    """The request does not fit. `message` never holds what was sent; `fields` are names we know."""

    message: str
    fields: tuple[str, ...] = ()
    code = "INVALID_ARGUMENTS"


@dataclass
class CredentialRejected(DoorError):
    """The request holds what looks like a credential. `message` says where and which, never the value."""

    message: str
    code = "PAYMENT_CREDENTIAL_REJECTED"


class BodyTooLarge(DoorError):
    """The body is longer than any request needs."""

    code = "REQUEST_TOO_LARGE"


class NothingHere(DoorError):
    """What stands at this path elsewhere was not set here."""

    code = "NOT_FOUND"


@dataclass
class RateLimited(DoorError):
    """Too often: more than `most` in `window_seconds`, under the limit called `policy`."""

    retry_after_seconds: int
    policy: str
    most: int
    window_seconds: int
    code = "RATE_LIMITED"


class KeysDiffer(DoorError):
    """The header and the field name two keys, and one of them would be left out."""

    code = "IDEMPOTENCY_CONFLICT"


@dataclass
class WebhookRefused(DoorError):
    """The processor did not sign this for us, or not now."""

    message: str
    code = "WEBHOOK_REFUSED"


class ActivityNotFound(DoorError):
    """No event of this agent has this reference."""

    code = "ACTIVITY_NOT_FOUND"


class ReceiptNotFound(DoorError):
    """No receipt of this agent has this id."""

    code = "RECEIPT_NOT_FOUND"


class NotReady(DoorError):
    """Nobody can be answered now, or no more may wait: come back shortly."""

    code = "SERVICE_UNAVAILABLE"


class ReceiptNotSealedYet(DoorError):
    """The transaction of the receipt is in no seal yet."""

    code = "RECEIPT_NOT_SEALED_YET"


class ReceiptsUnavailable(DoorError):
    """There is no key to sign receipts with."""

    code = "RECEIPTS_UNAVAILABLE"


class SettingsRefused(Exception):
    """Settings are missing or wrong. The message names each by its variable, and never holds a value."""

    code = "SETTINGS_REFUSED"


class WrongSchema(Exception):
    """The schema of the database is one that this code cannot work with. The message says what to do."""

    code = "WRONG_SCHEMA"
