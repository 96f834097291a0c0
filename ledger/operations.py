"""What may be done to an agent's credits: one frozen value for each wish, told once under its key."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ledger.errors import Malformed, OutOfRange
from ledger.money import CREDIT, USD, Amount, Asset

LARGEST: Final = 1_000_000_000
"""The most credits or cents that one operation moves: their product must fit a bigint."""
LONGEST_KEY: Final = 500
OWN_KEYS: Final = ("hold_expiry:", "lot_begin:", "lot_expiry:", "clawback:")
"""How the keys begin under which the book itself tells what follows from the clock or from an operation."""
NO_MONEY: Final = Amount(0, USD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What all operations have. `key` is the caller's idempotency key: one outcome for ever, refusals too."""

    key: str
    agent_id: str
    actor: str
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Wish):
    """Give credits: a lot of them, bought for `cents` that came to `clearing`, or promotional."""

    credits: Amount
    cents: Amount = NO_MONEY
    clearing: str | None = None
    promotional: bool = False
    priority: int = 0
    effective_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending(Wish):
    """What a hold and a debit have in common: credits for a job, and on which conditions."""

    credits: Amount
    job: str
    expect_version: int | None = None
    minimum_left: Amount | None = None
    daily_job_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Spending):
    """Set credits aside for a job until `expires_at`. `in_flight`: running out of time charges the hold."""

    expires_at: datetime
    timeout_seconds: int | None = None
    in_flight: bool = False

    @property
    def hold_id(self) -> str:
        """The hold's name, the same whenever the same key is told."""
        return hold_id(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit(Spending):
    """Spend credits in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Wish):
    """The job of a hold went to its provider; `expires_at` can give it more time, never less."""

    hold_id: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(Wish):
    """Spend a hold, all of it or `credits`; the rest is let go."""

    hold_id: str
    credits: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Wish):
    """Let all of a hold go."""

    hold_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwind(Wish):
    """Take back a debit or a capture, told under the key `spend`, all of it or `credits`."""

    spend: str
    credits: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduct(Wish):
    """Take credits that nobody used out of the world again. Their money stays owed, as unclaimed."""

    credits: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Wish):
    """`cents` of the purchase told under the key `grant` went back to its payer, out of `clearing`."""

    grant: str
    cents: Amount
    clearing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstate(Wish):
    """The refund or dispute told under the key `refund` was undone: its money is back in `clearing`."""

    refund: str
    clearing: str


Operation = Grant | Hold | Start | Capture | Release | Debit | Unwind | Deduct | Refund | Reinstate

# In the order of the type `operation` in the database.
_FIELDS: Final = (
    "kind",
    "reference",
    "request_hash",
    "actor",
    "now",
    "agent",
    "credits",
    "subject",
    "job",
    "effective_at",
    "expires_at",
    "in_flight",
    "cents",
    "promotional",
    "priority",
    "clearing",
    "expect_version",
    "minimum",
    "daily_limit",
    "metadata",
)
_CLEARING: Final = re.compile(r"clearing:[A-Za-z0-9._-]{1,200}")
_SUBJECTS: Final = ("hold_id", "spend", "grant", "refund")
# When and how we heard of it, and the house's own limit of that day, must not make the same request look like
# another one.
_NOT_ASKED: Final = frozenset({"key", "actor", "metadata", "daily_job_limit"})


def hold_id(key: str) -> str:
    """The name of the hold that was told under `key`."""
    return f"hold_{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def kind(operation: Operation) -> str:
    """The name of the operation's kind in the book."""
    return type(operation).__name__.lower()


def request_hash(operation: Operation) -> bytes:
    """What makes two operations the same request: their kind and all that was asked for.

    A hold that was asked for with a time-out is the same request a second later, though it would end later.
    """
    asked = {name: value for name, value in _values(operation).items() if name not in _NOT_ASKED}
    if asked.get("timeout_seconds") is not None:
        del asked["expires_at"]
    canonical = json.dumps([kind(operation), asked], default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def encode(operations: list[Operation], *, now: datetime) -> str:
    """The operations as PostgreSQL writes an array of its type `operation`.

    raises: Malformed, OutOfRange
    """
    return f"{{{','.join(_quoted(_row(operation, now=now)) for operation in operations)}}}"


def check(operation: Operation) -> None:
    """Refuse what nobody should ask: amounts that are not positive, of another asset, or too large.

    raises: Malformed, OutOfRange
    """
    if not operation.key or not operation.agent_id:
        raise Malformed("an operation needs a key and an agent")
    if len(operation.key) > LONGEST_KEY or "\x00" in operation.key or operation.key.startswith(OWN_KEYS):
        raise Malformed(f"a key has at most {LONGEST_KEY} characters and begins with none of {OWN_KEYS}")
    values = _values(operation)
    _check_amount("credits", values.get("credits"), CREDIT, at_least=1)
    _check_amount("cents", values.get("cents"), USD, at_least=1 if isinstance(operation, Refund) else 0)
    _check_amount("minimum_left", values.get("minimum_left"), CREDIT, at_least=0)
    _check_clearing(values.get("clearing"))
    if "happened_at" in operation.metadata:
        raise Malformed("happened_at is what the book writes when it books late")
    if isinstance(operation, Grant):
        _check_grant(operation)
    if isinstance(operation, Hold | Start) and operation.expires_at is not None:
        _check_moment(operation.expires_at)


def _check_grant(grant: Grant) -> None:
    if grant.promotional and grant.cents.units:
        raise Malformed("promotional credits are not paid for")
    if grant.cents.units and grant.clearing is None:
        raise Malformed("a grant that was paid for names the account that the money came to")
    if not 0 <= grant.priority <= 1000:
        raise OutOfRange("a priority is between 0 and 1000")
    for moment in (grant.effective_at, grant.expires_at):
        if moment is not None:
            _check_moment(moment)
    if grant.effective_at and grant.expires_at and grant.expires_at <= grant.effective_at:
        raise Malformed("credits cannot expire before they begin")


def _check_clearing(account: object) -> None:
    """Only an account of money that came in: of any other, the legs would not sum to zero."""
    if account is not None and not _CLEARING.fullmatch(str(account)):
        raise Malformed(f"{account} is not the account of a rail's money")


def _check_moment(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise Malformed("a time needs its zone")
    try:
        moment.astimezone(UTC)
    except OverflowError as error:
        raise OutOfRange("a time is outside the years 1 to 9999") from error


def _check_amount(name: str, amount: object, asset: Asset, *, at_least: int) -> None:
    if amount is None:
        return
    assert isinstance(amount, Amount)
    if amount.asset != asset:
        raise Malformed(f"{name} are counted in {asset.code}, not in {amount.asset.code}")
    if not at_least <= amount.units <= LARGEST:
        raise OutOfRange(f"{name} must be between {at_least} and {LARGEST}")


def _values(operation: Operation) -> dict[str, object]:
    return {name: getattr(operation, name) for name in _slots(type(operation))}


def _slots(of: type) -> list[str]:
    return [name for base in of.__mro__ for name in getattr(base, "__slots__", ())]


def _row(operation: Operation, *, now: datetime) -> str:
    check(operation)
    values = _values(operation)
    subject = next((values[name] for name in _SUBJECTS if name in values), None)
    known = {
        **values,
        "kind": kind(operation),
        "reference": operation.key,
        "request_hash": request_hash(operation),
        "now": now,
        "agent": operation.agent_id,
        "subject": operation.hold_id if isinstance(operation, Hold) else subject,
        "minimum": values.get("minimum_left"),
        "daily_limit": values.get("daily_job_limit"),
        "metadata": json.dumps(operation.metadata) if operation.metadata else None,
    }
    return f"({','.join(_written(known.get(name)) for name in _FIELDS)})"


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "t" if value else "f"
        case int():
            return str(value)
        case Amount():
            return str(value.units)
        case bytes():
            return _quoted(f"\\x{value.hex()}")
        case datetime():
            return _quoted(value.isoformat())
        case _:
            return _quoted(str(value))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(value: object) -> object:
    if isinstance(value, Amount):
        return value.units
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(type(value).__name__)
