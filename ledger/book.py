"""Postings between house accounts. The credits of agents are moved by ledger.credits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, assert_never, cast

from sqlalchemy import BigInteger, DateTime, LargeBinary, Text, bindparam, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select, text

from ledger import chart
from ledger.errors import (
    Guarded,
    Malformed,
    OutOfRange,
    ReferenceConflict,
    Unbalanced,
    UnknownAccount,
    WrongAsset,
)
from ledger.models import Account, Balance
from ledger.money import Amount


@dataclass(frozen=True, slots=True)
class Leg:
    """`amount` comes to `account`, or leaves it if negative."""

    account: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Posting:
    """One event to be told once. The legs, one an account, sum to zero in every asset; none is zero."""

    reference: str
    kind: str
    legs: tuple[Leg, ...]
    effective_at: datetime
    actor: str
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """The transaction that tells the event; `created` is false if an earlier call had written it."""

    transaction_id: int
    created: bool


_Outcome = Literal["created", "exists", "conflict", "unknown_account"]

_MALFORMED: Final[dict[str, type[Malformed]]] = {
    "PR002": Unbalanced,
    "PR003": Malformed,
    "PR004": WrongAsset,
    "PR006": Guarded,
    "22003": OutOfRange,
}

_POST: Final = text(
    """
    SELECT outcome, transaction_id, refused_account
    FROM post_transaction(
        :reference, :request_hash, :kind, :effective_at, :actor, :metadata, :accounts, :assets, :amounts
    )
    """
).bindparams(
    bindparam("reference", type_=Text),
    bindparam("request_hash", type_=LargeBinary),
    bindparam("kind", type_=Text),
    bindparam("effective_at", type_=DateTime(timezone=True)),
    bindparam("actor", type_=Text),
    bindparam("metadata", type_=JSONB),
    bindparam("accounts", type_=ARRAY(Text)),
    bindparam("assets", type_=ARRAY(Text)),
    bindparam("amounts", type_=ARRAY(BigInteger)),
)


def post(session: Session, posting: Posting) -> Posted:
    """Write `posting`, or find that the same was written before under its reference.

    Accounts are opened by their first posting. The balance rows stay locked until the end of the caller's
    transaction, and only one posting locks in an order that cannot deadlock: post last, and once.

    raises: ReferenceConflict, UnknownAccount; Malformed and its children, after which the
        caller's transaction can only be rolled back.
    """
    try:
        row = session.connection().execute(_POST, _arguments(posting)).one()
    except DBAPIError as error:
        malformed = _MALFORMED.get(getattr(error.orig, "sqlstate", ""))
        if malformed is None:
            raise
        raise malformed(str(error.orig).partition("\n")[0]) from error
    outcome = cast("_Outcome", row.outcome)
    match outcome:
        case "created" | "exists":
            return Posted(transaction_id=row.transaction_id, created=outcome == "created")
        case "conflict":
            raise ReferenceConflict(reference=posting.reference, transaction_id=row.transaction_id)
        case "unknown_account":
            raise UnknownAccount(account=row.refused_account)
        case _:
            assert_never(outcome)


def balance(session: Session, *, account: str) -> Amount:
    """What `account` holds now: zero if nobody has used it yet.

    raises: UnknownAccount
    """
    statement = (
        select(func.coalesce(func.sum(col(Balance.posted)), 0))
        .join(Account, col(Account.id) == col(Balance.account_id))
        .where(col(Account.name) == account)
    )
    return Amount(int(session.exec(statement).one()), chart.asset(account))


def request_hash(posting: Posting) -> bytes:
    """What makes two postings the same request: their kind and their legs, in order.

    Not the time and the metadata, which tell when and how we heard of the event: the webhook and the
    sweeper that both tell of one payment must not look like two different requests. Not the actor either.
    """
    legs = [[leg.account, leg.amount.asset.code, leg.amount.units] for leg in posting.legs]
    canonical = json.dumps([posting.kind, legs], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).digest()


def _arguments(posting: Posting) -> dict[str, object]:
    return {
        "reference": posting.reference,
        "request_hash": request_hash(posting),
        "kind": posting.kind,
        "effective_at": posting.effective_at,
        "actor": posting.actor,
        "metadata": dict(posting.metadata),
        "accounts": [leg.account for leg in posting.legs],
        "assets": [leg.amount.asset.code for leg in posting.legs],
        "amounts": [leg.amount.units for leg in posting.legs],
    }
