"""The watcher's rows: cursor and deposits, read and written inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, or_, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlmodel import Session, col, select

from rails.chain.errors import NoSuchCursor, Overtaken
from rails.chain.models import CONFIRMED, FINAL, ORPHANED, SEEN, ChainCursor, Deposit
from rails.chain.node import Header


def find_cursor(session: Session, *, chain_id: int) -> ChainCursor | None:
    """The cursor of a chain; None before its first pass."""
    return session.get(ChainCursor, chain_id)


def cursor(session: Session, *, chain_id: int) -> ChainCursor:
    """The cursor of a chain.

    raises: NoSuchCursor
    """
    found = find_cursor(session, chain_id=chain_id)
    if found is None:
        raise NoSuchCursor(f"chain {chain_id} was never scanned")
    return found


def open_deposits(session: Session, *, chain_id: int) -> tuple[Deposit, ...]:
    """Deposits that a reorg or more depth can still change."""
    # An orphan whose height is final cannot come back.
    final = select(func.coalesce(ChainCursor.finalized_number, -1)).where(
        col(ChainCursor.chain_id) == chain_id
    )
    may_come_back = col(Deposit.block_number) > func.coalesce(final.scalar_subquery(), -1)
    query = select(Deposit).where(
        col(Deposit.chain_id) == chain_id,
        col(Deposit.state) != FINAL,
        or_(col(Deposit.state) != ORPHANED, may_come_back),
    )
    return tuple(session.exec(query))


def final_above(session: Session, *, chain_id: int, number: int) -> tuple[Deposit, ...]:
    """Final deposits in blocks above this one, in chain order."""
    query = select(Deposit).where(
        col(Deposit.chain_id) == chain_id, col(Deposit.state) == FINAL, col(Deposit.block_number) > number
    )
    return tuple(session.exec(query.order_by(col(Deposit.block_number), col(Deposit.log_index))))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a pass arrived, and what the node said of depth."""

    block: Header
    latest: Header
    confirmed_number: int | None
    finalized: Header | None
    depth_policy: str
    fencing_token: int | None = None
    """Of the lease that the pass was made under, if any."""


def begin(session: Session, position: Position, *, chain_id: int, first_block: Header, now: datetime) -> None:
    """Store the first cursor of a chain; the final blocks from `first_block` on will be audited.

    raises: Overtaken if there is one
    """
    values = _columns(position, now=now) | {
        "chain_id": chain_id,
        "generation": 1,
        "audited_number": first_block.number,
        "outflow_number": first_block.number,
    }
    if position.finalized:
        values |= {
            "finalized_number": position.finalized.number,
            "finalized_hash": position.finalized.hash,
        }
    statement = insert_into(ChainCursor).values(values).on_conflict_do_nothing()
    if session.execute(statement.returning(col(ChainCursor.chain_id))).first() is None:
        raise Overtaken(f"another pass began to watch chain {chain_id}")


def advance(session: Session, before: ChainCursor, position: Position, *, now: datetime) -> None:
    """Move the cursor, unless it moved since `before` was read. Its lock keeps other passes out.

    raises: Overtaken
    """
    values = _columns(position, now=now) | {"generation": before.generation + 1}
    # A node may forget its finalized block for a while, or be behind another one; we do not forget ours.
    final = position.finalized
    if final and (before.finalized_number is None or final.number >= before.finalized_number):
        values |= {"finalized_number": final.number, "finalized_hash": final.hash}
    unmoved = (
        col(ChainCursor.chain_id) == before.chain_id,
        col(ChainCursor.generation) == before.generation,
    )
    statement = update(ChainCursor).where(*unmoved).values(values)
    if session.execute(statement.returning(col(ChainCursor.chain_id))).first() is None:
        raise Overtaken(f"another pass moved the cursor of chain {before.chain_id}")


def mark_deeper_than_final(session: Session, *, chain_id: int, now: datetime) -> bool:
    """Note when a final block was first found changed; whether this is the first time."""
    unmarked = (col(ChainCursor.chain_id) == chain_id, col(ChainCursor.deeper_than_final_at).is_(None))
    statement = update(ChainCursor).where(*unmarked).values(deeper_than_final_at=now)
    return session.execute(statement.returning(col(ChainCursor.chain_id))).first() is not None


def audited(session: Session, *, chain_id: int, number: int) -> None:
    """Note that final blocks up to `number` were read a second time."""
    further = (col(ChainCursor.chain_id) == chain_id, col(ChainCursor.audited_number) < number)
    session.execute(update(ChainCursor).where(*further).values(audited_number=number))


def searched_for_outflows(session: Session, *, chain_id: int, number: int) -> None:
    """Note that final blocks up to `number` were searched for what left our addresses."""
    before = func.coalesce(col(ChainCursor.outflow_number), -1)
    further = (col(ChainCursor.chain_id) == chain_id, before < number)
    session.execute(update(ChainCursor).where(*further).values(outflow_number=number))


def restart(session: Session, *, chain_id: int, block: Header, latest: Header, now: datetime) -> None:
    """Put the cursor on `block` and forget what was final on the chain before.

    raises: NoSuchCursor
    """
    found = session.get(ChainCursor, chain_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NoSuchCursor(f"chain {chain_id} was never scanned")
    found.generation += 1
    found.block_number, found.block_hash, found.block_time = block.number, block.hash, block.time
    found.head_number, found.head_time = latest.number, latest.time
    found.confirmed_number = found.finalized_number = found.finalized_hash = None
    found.audited_number = found.outflow_number = block.number
    found.scanned_at, found.deeper_than_final_at = now, None


@dataclass(slots=True)
class Arrival:
    """A deposit that is not stored yet. Not a row: the mapper's take a hundred times as long to make."""

    chain_id: int
    block_hash: str
    log_index: int
    block_number: int
    block_time: datetime
    tx_hash: str
    token: str
    sender: str
    address: str
    amount: Decimal
    state: str
    first_seen_at: datetime
    confirmed_at: datetime | None = None
    final_at: datetime | None = None
    orphaned_at: datetime | None = None


def enter(deposit: Arrival, state: str, *, now: datetime) -> None:
    """Give a deposit that is not stored yet its first state."""
    deposit.state = state
    for column, value in _times(state, deposit, now=now).items():
        setattr(deposit, column, value)


# One array a column: a statement with a parameter a value is parsed anew for every number of rows.
_COLUMNS: Final = {
    "chain_id": "bigint",
    "block_hash": "text",
    "log_index": "bigint",
    "block_number": "bigint",
    "block_time": "timestamptz",
    "tx_hash": "text",
    "token": "text",
    "sender": "text",
    "address": "text",
    "amount": "numeric",
    "state": "text",
    "first_seen_at": "timestamptz",
    "confirmed_at": "timestamptz",
    "final_at": "timestamptz",
    "orphaned_at": "timestamptz",
}
_INSERT: Final = text(
    f"INSERT INTO deposit ({', '.join(_COLUMNS)})"  # noqa: S608
    f" SELECT * FROM unnest({', '.join(f'CAST(:{name} AS {kind}[])' for name, kind in _COLUMNS.items())})"
    " ON CONFLICT DO NOTHING RETURNING block_hash, log_index"
)


def insert(session: Session, deposits: Sequence[Arrival]) -> list[Arrival]:
    """Store the deposits that are not there yet; those that were new."""
    if not deposits:
        return []
    columns = {name: [getattr(deposit, name) for deposit in deposits] for name in _COLUMNS}
    stored = session.execute(_INSERT, columns)
    new = {(block_hash, log_index) for block_hash, log_index in stored}
    return [deposit for deposit in deposits if (deposit.block_hash, deposit.log_index) in new]


def move(session: Session, deposit: Deposit, state: str, *, now: datetime) -> bool:
    """Give a stored deposit another state; False if its state is no longer the one that was judged."""
    statement = (
        update(Deposit)
        .where(
            col(Deposit.chain_id) == deposit.chain_id,
            col(Deposit.block_hash) == deposit.block_hash,
            col(Deposit.log_index) == deposit.log_index,
            col(Deposit.state) == deposit.state,
        )
        .values(state=state, **_times(state, deposit, now=now))
        .returning(col(Deposit.log_index))
    )
    return session.execute(statement).first() is not None


def revive(session: Session, deposits: Iterable[Arrival]) -> list[Arrival]:
    """Give those of the deposits that are stored as orphaned their place on the chain back."""
    keys = {(deposit.chain_id, deposit.block_hash, deposit.log_index): deposit for deposit in deposits}
    if not keys:
        return []
    columns = (col(Deposit.chain_id), col(Deposit.block_hash), col(Deposit.log_index))
    statement = (
        update(Deposit)
        .where(tuple_(*columns).in_(list(keys)), col(Deposit.state) == ORPHANED)
        .values(state=SEEN, orphaned_at=None)
        .returning(*columns)
    )
    return [keys[tuple(row)] for row in session.execute(statement)]


def numeric(units: int) -> Decimal:
    """A token amount as the database keeps it, exact to 256 bits."""
    return Decimal(units)


def _columns(position: Position, *, now: datetime) -> dict[str, object]:
    fence = {} if position.fencing_token is None else {"fencing_token": position.fencing_token}
    return fence | {
        "block_number": position.block.number,
        "block_hash": position.block.hash,
        "block_time": position.block.time,
        "head_number": position.latest.number,
        "head_time": position.latest.time,
        "depth_policy": position.depth_policy,
        "confirmed_number": position.confirmed_number,
        "scanned_at": now,
        "deeper_than_final_at": None,
    }


def _times(state: str, deposit: Deposit | Arrival, *, now: datetime) -> dict[str, datetime | None]:
    if state == ORPHANED:
        return {"orphaned_at": now}
    times: dict[str, datetime | None] = {"orphaned_at": None}
    if state in (CONFIRMED, FINAL):
        times["confirmed_at"] = now
    if state == FINAL:
        # Final may come without a look in between; what was confirmed before keeps its own moment.
        times["confirmed_at"] = deposit.confirmed_at if deposit.state == CONFIRMED else now
        times["final_at"] = now
    return times
