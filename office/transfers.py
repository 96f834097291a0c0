"""What the chain carried to the address of a purchase, and which of it is the purchase's own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from ledger.money import USDC, Amount, Asset
from rails import instructions
from rails.chain.models import ORPHANED, ChainCursor, Deposit
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit
from rails.stripe_x402.models import TransferClaim

MOST: Final = 100
"""So many transfers are shown at most: anybody can send dust to an address."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer in one block, as last seen. `pays` tells whether its token is the one that was asked for.

    `confirmations` are blocks from its own to the newest, both included; `needed` None: nobody can say.
    """

    tx_hash: str
    log_index: int
    block_number: int
    block_hash: str
    block_time: datetime
    sender: str
    address: str
    token: str
    amount: Amount
    pays: bool
    state: str
    confirmations: int
    needed: int | None
    first_seen_at: datetime
    confirmed_at: datetime | None
    final_at: datetime | None
    orphaned_at: datetime | None


def claims_of(session: Session, payment_attempt_id: str) -> Sequence[TransferClaim]:
    """The transfers to an agent's own address that belong to this attempt."""
    return session.exec(
        select(TransferClaim)
        .where(TransferClaim.payment_attempt_id == payment_attempt_id)
        .order_by(col(TransferClaim.claimed_at), col(TransferClaim.tx_hash))
        .limit(MOST)
    ).all()


def of_attempt(
    session: Session, attempt: PaymentAttempt, claims: Iterable[TransferClaim]
) -> Sequence[Transfer]:
    """What was sent to pay an attempt, orphaned and foreign tokens included, in chain order."""
    told = instructions.read(attempt)
    if not isinstance(told, CryptoDeposit):
        return []
    here = col(Deposit.address) == told.address.lower()
    if not told.shared:
        return _read(session, told, here)
    placed = {(claim.tx_hash, claim.position) for claim in claims}
    rows = _read(session, told, here, col(Deposit.tx_hash).in_({tx_hash for tx_hash, _ in placed}))
    return [row for row in rows if row.pays and (row.tx_hash, _position(row, rows)) in placed]


def _read(session: Session, told: CryptoDeposit, *conditions: ColumnElement[bool]) -> Sequence[Transfer]:
    query = (
        select(Deposit, ChainCursor)
        .outerjoin(ChainCursor, col(ChainCursor.chain_id) == col(Deposit.chain_id))
        .where(*conditions)
        .order_by(col(Deposit.block_number), col(Deposit.log_index), col(Deposit.first_seen_at))
        .limit(MOST)
    )
    return [_transfer(row, cursor, token=told.token_contract.lower()) for row, cursor in session.exec(query)]


def _position(row: Transfer, rows: Sequence[Transfer]) -> int:
    """The place of a transfer among those of its transaction, whatever block that lies in now."""
    beside = [
        each
        for each in rows
        if each.pays and (each.block_hash, each.tx_hash) == (row.block_hash, row.tx_hash)
    ]
    return sorted(each.log_index for each in beside).index(row.log_index)


def _transfer(row: Deposit, cursor: ChainCursor | None, *, token: str) -> Transfer:
    needed, so_far = None, 0
    if cursor is not None and row.state != ORPHANED:
        so_far = max(0, cursor.head_number - row.block_number + 1)
    if cursor is not None and cursor.confirmed_number is not None:
        needed = cursor.head_number - cursor.confirmed_number + 1
    return Transfer(
        tx_hash=row.tx_hash,
        log_index=row.log_index,
        block_number=row.block_number,
        block_hash=row.block_hash,
        block_time=row.block_time,
        sender=row.sender,
        address=row.address,
        token=row.token,
        # Another token is counted in its own smallest units.
        amount=Amount(int(row.amount), USDC if row.token == token else Asset(row.token, 0)),
        pays=row.token == token,
        state=row.state,
        confirmations=so_far,
        needed=needed,
        first_seen_at=row.first_seen_at,
        confirmed_at=row.confirmed_at,
        final_at=row.final_at,
        orphaned_at=row.orphaned_at,
    )
