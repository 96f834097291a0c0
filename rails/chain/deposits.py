"""What a rail may ask about the chain: what reached an address, and whether anybody is looking."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from ledger.money import USDC, Amount
from rails.chain import transfers
from rails.chain.models import ORPHANED, ChainCursor, Deposit


@dataclass(frozen=True, slots=True)
class DepositView:
    """One transfer to an address, as last seen. `state` is seen, confirmed, final or orphaned."""

    amount: Amount
    state: str
    chain_id: int
    tx_hash: str
    log_index: int
    block_number: int
    block_hash: str
    block_time: datetime
    sender: str
    first_seen_at: datetime
    confirmed_at: datetime | None
    final_at: datetime | None
    orphaned_at: datetime | None
    confirmations: int
    """Blocks from its own to the head, both included; 0 if orphaned."""
    confirmations_needed: int | None
    """What the policy wants now; None while the node cannot say."""


@dataclass(frozen=True, slots=True)
class WatcherState:
    """When the chain was last read, and how far.

    `block_time` is the chain's own clock at the last block read: every transfer until then is known. It is
    old when the node is down, frozen or behind, when the chain stands still, and while we catch up: in each
    case "nothing arrived" and "we cannot see" are the same, and a rail must not tell them apart by guessing.
    """

    chain_id: int
    scanned_at: datetime
    head_number: int
    head_time: datetime
    block_number: int
    block_time: datetime
    confirmed_number: int | None
    finalized_number: int | None
    audited_number: int
    depth_policy: str
    deeper_than_final_at: datetime | None

    @property
    def behind(self) -> int:
        """How many blocks of the chain were not read yet."""
        return self.head_number - self.block_number


def at_address(session: Session, *, address: str, token: str) -> tuple[DepositView, ...]:
    """Every transfer of `token` to `address` that was ever seen, orphaned ones included, in chain order."""
    query = (
        select(Deposit, ChainCursor)
        .join(ChainCursor, col(ChainCursor.chain_id) == col(Deposit.chain_id))
        .where(
            col(Deposit.address) == transfers.address(address),
            col(Deposit.token) == transfers.address(token),
        )
        .order_by(col(Deposit.block_number), col(Deposit.log_index), col(Deposit.first_seen_at))
    )
    return tuple(_view(deposit, cursor) for deposit, cursor in session.exec(query))


@dataclass(frozen=True, slots=True)
class OtherToken:
    """A transfer of a token that is no payment to an address of ours. `units` are the token's smallest."""

    token: str
    units: int
    address: str
    state: str
    chain_id: int
    tx_hash: str
    log_index: int
    block_number: int
    block_hash: str
    block_time: datetime
    sender: str
    first_seen_at: datetime


def of_other_tokens(session: Session, *, address: str, token: str) -> tuple[OtherToken, ...]:
    """Every transfer to `address` of a token other than `token`, orphaned ones included, in chain order."""
    query = (
        select(Deposit)
        .where(
            col(Deposit.address) == transfers.address(address),
            col(Deposit.token) != transfers.address(token),
        )
        .order_by(col(Deposit.block_number), col(Deposit.log_index), col(Deposit.first_seen_at))
    )
    return tuple(
        OtherToken(
            token=each.token,
            units=int(each.amount),
            address=each.address,
            state=each.state,
            chain_id=each.chain_id,
            tx_hash=each.tx_hash,
            log_index=each.log_index,
            block_number=each.block_number,
            block_hash=each.block_hash,
            block_time=each.block_time,
            sender=each.sender,
            first_seen_at=each.first_seen_at,
        )
        for each in session.exec(query)
    )


def watcher_state(session: Session, *, chain_id: int) -> WatcherState | None:
    """How the watcher of this chain stands; None if it never completed a pass."""
    cursor = session.get(ChainCursor, chain_id)
    if cursor is None:
        return None
    return WatcherState(
        chain_id=chain_id,
        scanned_at=cursor.scanned_at,
        head_number=cursor.head_number,
        head_time=cursor.head_time,
        block_number=cursor.block_number,
        block_time=cursor.block_time,
        confirmed_number=cursor.confirmed_number,
        finalized_number=cursor.finalized_number,
        audited_number=cursor.audited_number,
        depth_policy=cursor.depth_policy,
        deeper_than_final_at=cursor.deeper_than_final_at,
    )


def _view(deposit: Deposit, cursor: ChainCursor) -> DepositView:
    needed = None
    if cursor.confirmed_number is not None:
        needed = cursor.head_number - cursor.confirmed_number + 1
    so_far = cursor.head_number - deposit.block_number + 1
    return DepositView(
        amount=Amount(int(deposit.amount), USDC),
        state=deposit.state,
        chain_id=deposit.chain_id,
        tx_hash=deposit.tx_hash,
        log_index=deposit.log_index,
        block_number=deposit.block_number,
        block_hash=deposit.block_hash,
        block_time=deposit.block_time,
        sender=deposit.sender,
        first_seen_at=deposit.first_seen_at,
        confirmed_at=deposit.confirmed_at,
        final_at=deposit.final_at,
        orphaned_at=deposit.orphaned_at,
        confirmations=0 if deposit.state == ORPHANED else max(0, so_far),
        confirmations_needed=needed,
    )
