"""Sealing: transactions that nobody can come before any more become the leaves of a Merkle tree."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, select, text

from ledger import merkle
from ledger.database import Sessions
from ledger.errors import HorizonWentBack
from ledger.models import Seal

# Any number that nobody else in this database takes.
SEAL_LOCK: Final = 7_364_102
MOST_LEAVES: Final = 5000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:key)")
_LAST_LEAF: Final = text(
    "SELECT CAST(xid AS text), transaction_id FROM seal_leaf WHERE seal = :number ORDER BY place DESC LIMIT 1"
)
# Whatever is older than everybody who is still writing is decided, and visible here if it was committed; ids
# cannot tell that. One statement: horizon and rows must be of one snapshot. Row by row along the indexes, or
# a seal would read the whole book whenever the planner thinks it small.
ALONG_INDEXES: Final = text(
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL jit = off"
)
"""What whoever reads the book seal by seal says first."""
_HORIZON: Final = "pg_snapshot_xmin(pg_current_snapshot())"
_TAKE: Final = text(
    f"""
    WITH next AS MATERIALIZED (
        SELECT told.id, told.xid, row_number() OVER (ORDER BY told.xid, told.id) - 1 AS place
        FROM ledger_transaction AS told
        WHERE (told.xid, told.id) > (CAST(:xid AS xid8), CAST(:id AS bigint))
            AND told.xid < {_HORIZON}
        ORDER BY told.xid, told.id
        LIMIT :most
    ), taken AS (
        INSERT INTO seal_leaf (seal, place, transaction_id, xid, hash)
        SELECT :number, next.place, next.id, next.xid, sha256('\\x00' || convert_to(sealed.content, 'UTF8'))
        FROM next
        JOIN sealed_content AS sealed ON sealed.id = next.id
        RETURNING place, hash
    )
    SELECT CAST({_HORIZON} AS text), array_agg(taken.hash ORDER BY taken.place)
    FROM taken
    """  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One seal that was made, and over how many transactions."""

    number: int
    leaves: int


def seal_next(session: Session, *, now: datetime, most: int = MOST_LEAVES) -> Sealed | None:
    """Seal up to `most` transactions, refusals included, in the order of their database transactions.

    None if there is nothing to seal, or another process is sealing. All of it or nothing is written.

    raises: HorizonWentBack
    """
    connection = session.connection()
    if not connection.execute(_LOCK, {"key": SEAL_LOCK}).scalar_one():
        return None
    connection.execute(ALONG_INDEXES)
    before = session.exec(select(Seal).order_by(col(Seal.number).desc()).limit(1)).one_or_none()
    number = before.number + 1 if before is not None else 1
    after = connection.execute(_LAST_LEAF, {"number": number - 1}).one_or_none()
    xid, last_id = after if after is not None else ("0", 0)
    horizon, leaves = connection.execute(
        _TAKE, {"xid": xid, "id": last_id, "most": most, "number": number}
    ).one()
    _check_horizon(before, horizon)
    if not leaves:
        return None
    seal = Seal(
        number=number,
        leaves=len(leaves),
        root=merkle.root([bytes(leaf) for leaf in leaves]),
        previous=bytes(before.hash) if before is not None else b"",
        hash=b"",
        horizon=horizon,
        sealed_at=now,
    )
    seal.hash = bytes.fromhex(digest(_facts(seal)))
    session.add(seal)
    session.flush()
    return Sealed(number, len(leaves))


def seal_all(sessions: Sessions, *, now: datetime, most: int = MOST_LEAVES) -> list[Sealed]:
    """Seal until nothing is left that could be sealed now, each seal in a transaction of its own."""
    made: list[Sealed] = []
    while True:
        with sessions() as session:
            sealed = seal_next(session, now=now, most=most)
        if sealed is None:
            return made
        made.append(sealed)
        if sealed.leaves < most:
            return made


def digest(facts: dict[str, Any]) -> str:
    """The hash, in hex, that ties what a seal says to its place and the seal before it."""
    names = ("number", "leaves", "root", "previous", "horizon", "sealed_at_microseconds")
    said = "|".join(["pennyrail seal 1", *(str(facts[name]) for name in names)])
    return hashlib.sha256(said.encode()).hexdigest()


def sealed_at(facts: dict[str, Any]) -> datetime:
    """When a seal was made, by what it says."""
    return _EPOCH + timedelta(microseconds=facts["sealed_at_microseconds"])


def statement(seal: Seal) -> dict[str, Any]:
    """All that a seal says, ready to be signed and published."""
    return {**_facts(seal), "hash": seal.hash.hex()}


def _facts(seal: Seal) -> dict[str, Any]:
    return {
        "number": seal.number,
        "leaves": seal.leaves,
        "root": seal.root.hex(),
        "previous": seal.previous.hex(),
        "horizon": seal.horizon,
        "sealed_at_microseconds": (seal.sealed_at - _EPOCH) // timedelta(microseconds=1),
    }


def _check_horizon(before: Seal | None, horizon: str | None) -> None:
    if before is not None and horizon is not None and int(horizon) < int(before.horizon):
        raise HorizonWentBack(before=int(before.horizon), now=int(horizon))
