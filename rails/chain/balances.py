"""Does an address hold what it must? What came in, less what left, is what it holds; else a log was lost.

Whoever holds the keys (Stripe) sweeps when it likes, so what was credited alone says nothing. But a sweep is
a transfer as well: every transfer out of our addresses in final blocks is kept, and then at one final block

    balanceOf(address) = deposits to it - transfers out of it

A log that every reading left out breaks this, and so does money that was there before we watched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.types import Text
from sqlmodel import Session, col, func, select

from ledger.database import Sessions
from rails.chain import alarms, node, store, transfers
from rails.chain.alarms import Kind
from rails.chain.errors import HeadMoved
from rails.chain.models import ORPHANED, ChainBalance, ChainCursor, ChainOutflow, Deposit
from rails.chain.rpc import Node
from rails.chain.scanner import Limits, Watch

# First who received something since it was compared, then who was compared longest ago.
_WHOSE_TURN = text(
    """
    SELECT watched.address
    FROM unnest(:addresses) AS watched (address)
    LEFT JOIN chain_balance AS last
        ON last.chain_id = :chain_id AND last.token = :token AND last.address = watched.address
    ORDER BY
        NOT EXISTS (
            SELECT 1 FROM deposit
            WHERE deposit.address = watched.address AND deposit.token = :token
                AND deposit.block_number > coalesce(last.block_number, -1)
        ),
        last.checked_at NULLS FIRST,
        watched.address
    LIMIT :most
    """
).bindparams(bindparam("addresses", type_=ARRAY(Text)))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An address that does not hold what it must, in the token's smallest units."""

    address: str
    balance: int
    expected: int


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """What a comparison found. `outflows` are transfers out of our addresses that were not known before."""

    block_number: int
    outflows: int
    checked: int
    mismatches: tuple[Mismatch, ...]


def check(
    sessions: Sessions,
    rpc: Node,
    watch: Watch,
    *,
    token: str,
    now: datetime,
    addresses_most: int,
    limits: Limits,
) -> BalanceReport:
    """Compare so many addresses at the last block that was read twice; alarm on those that do not fit.

    raises: RpcError (RpcRefused if the node no longer knows the state of final blocks), RangeRefused,
    NoSuchCursor, HeadMoved
    """
    token = transfers.address(token)
    with sessions() as session:
        cursor = store.cursor(session, chain_id=rpc.chain_id)
        began_after = _began_after(session, cursor)
        addresses = sorted({transfers.address(each) for each in watch.addresses(session)})
    end = cursor.audited_number
    outflows = 0
    for start in range(began_after + 1, end + 1, limits.pass_blocks):
        last = min(start + limits.pass_blocks - 1, end)
        reading = node.Reading(token, addresses, start, last, limits.chunk_blocks, side=node.Side.SENDER)
        outflows += _keep_outflows(sessions, rpc, reading, now=now)
    with sessions() as session:
        turn = _whose_turn(session, rpc.chain_id, token, addresses, most=addresses_most)
    mismatches = []
    for address in turn:
        found = _compare(sessions, rpc, token, address, end, now=now)
        if found is not None:
            mismatches.append(found)
    return BalanceReport(end, outflows, len(turn), tuple(mismatches))


def _began_after(session: Session, cursor: ChainCursor) -> int:
    if cursor.outflow_number is not None:
        return cursor.outflow_number
    # A chain that was read before outflows were: nothing left an address before anything reached one.
    first = func.coalesce(func.min(Deposit.block_number), cursor.audited_number + 1)
    number = session.exec(select(first).where(col(Deposit.chain_id) == cursor.chain_id)).one()
    return min(int(number) - 1, cursor.audited_number)


def _keep_outflows(sessions: Sessions, rpc: Node, reading: node.Reading, *, now: datetime) -> int:
    to = node.header(rpc, reading.to_block)
    decoded = node.read_transfers(rpc, reading)
    canonical = node.headers(rpc, {transfer.block_number for transfer in decoded.transfers})
    for transfer in decoded.transfers:
        if canonical[transfer.block_number].hash != transfer.block_hash:
            raise HeadMoved(f"block {transfer.block_number} changed while it was read")
    if node.header(rpc, to.number).hash != to.hash:
        raise HeadMoved(f"block {to.number} changed while it was read")
    rows = [
        {
            "chain_id": rpc.chain_id,
            "block_hash": transfer.block_hash,
            "log_index": transfer.log_index,
            "block_number": transfer.block_number,
            "tx_hash": transfer.tx_hash,
            "token": transfer.token,
            "address": transfer.sender,
            "recipient": transfer.recipient,
            "amount": store.numeric(transfer.units),
            "found_at": now,
        }
        for transfer in decoded.transfers
    ]
    with sessions() as session:
        new = 0
        if rows:
            statement = insert_into(ChainOutflow).on_conflict_do_nothing()
            kept = session.execute(statement.returning(col(ChainOutflow.log_index)), rows)
            new = len(kept.all())
        store.searched_for_outflows(session, chain_id=rpc.chain_id, number=reading.to_block)
    return new


def _whose_turn(
    session: Session, chain_id: int, token: str, addresses: Sequence[str], *, most: int
) -> Sequence[str]:
    asked = {"addresses": list(addresses), "chain_id": chain_id, "token": token, "most": most}
    return list(session.execute(_WHOSE_TURN, asked).scalars())


def _compare(
    sessions: Sessions, rpc: Node, token: str, address: str, block: int, *, now: datetime
) -> Mismatch | None:
    balance = node.balance(rpc, token=token, address=address, block=block)
    with sessions() as session:
        expected = _expected(session, rpc.chain_id, token, address, block)
        row = {
            "block_number": block,
            "balance": store.numeric(balance),
            "expected": store.numeric(expected),
            "checked_at": now,
        }
        key = {"chain_id": rpc.chain_id, "token": token, "address": address}
        statement = insert_into(ChainBalance).values(key | row)
        session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=row))
        if balance == expected:
            alarms.calm(session, Kind.BALANCE_MISMATCH, chain_id=rpc.chain_id, now=now, subjects=(address,))
            return None
        detail = f"holds {balance} at final block {block}, where {expected} came in and did not leave"
        alarms.ring(session, Kind.BALANCE_MISMATCH, detail, chain_id=rpc.chain_id, now=now, subject=address)
    return Mismatch(address, balance, expected)


def _expected(session: Session, chain_id: int, token: str, address: str, block: int) -> int:
    came = select(func.coalesce(func.sum(Deposit.amount), 0)).where(
        col(Deposit.chain_id) == chain_id,
        col(Deposit.token) == token,
        col(Deposit.address) == address,
        col(Deposit.block_number) <= block,
        col(Deposit.state) != ORPHANED,
    )
    left = select(func.coalesce(func.sum(ChainOutflow.amount), 0)).where(
        col(ChainOutflow.chain_id) == chain_id,
        col(ChainOutflow.token) == token,
        col(ChainOutflow.address) == address,
        col(ChainOutflow.block_number) <= block,
    )
    return int(session.exec(came).one()) - int(session.exec(left).one())
