"""Read new blocks, keep the deposits in them, and tell whoever waits. One pass at a time.

A pass holds because of four checks: the block at the cursor still has its hash (else go back to the last
final block); the last block is named by its hash before reading and again after; every deposit's own block
is looked at before the deposit is kept, confirmed or final; and the cursor moves in the same transaction
as the rows, only if no other pass moved it meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlmodel import Session

from ledger.database import Sessions
from rails.chain import node, store, transfers
from rails.chain.errors import DeeperThanFinal, HeadMoved, Overtaken
from rails.chain.finality import Depth
from rails.chain.models import CONFIRMED, FINAL, ORPHANED, SEEN, ChainCursor, Deposit
from rails.chain.node import Header, Heads
from rails.chain.rpc import Rpc


class Watch(Protocol):
    """Who waits for money, and wants to hear of it."""

    def addresses(self, session: Session) -> Collection[str]:
        """Every address that a payment may still reach."""
        ...

    def changed(self, session: Session, addresses: Collection[str]) -> None:
        """Deposits at these addresses came or changed state: note, in this transaction, to look at them."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call and one pass may take, in blocks."""

    chunk_blocks: int = 500
    pass_blocks: int = 2_000
    start_margin_blocks: int = 1_800


class Outcome(StrEnum):
    """How a pass ended. Only KEPT wrote rows and moved the cursor."""

    KEPT = "kept"
    HEAD_MOVED = "head_moved"
    OVERTAKEN = "overtaken"
    DEEPER_THAN_FINAL = "deeper_than_final"


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a pass did. The last five count deposits by what became of them."""

    outcome: Outcome
    head: int
    from_block: int | None = None
    to_block: int | None = None
    behind: int = 0
    rewound: bool = False
    depth_unknown: bool = False
    """The policy's tag is absent at this node: nothing was confirmed, whatever its depth."""
    skipped: int = 0
    new: int = 0
    confirmed: int = 0
    final: int = 0
    orphaned: int = 0
    revived: int = 0


@dataclass(frozen=True, slots=True)
class RescanReport:
    """What a second reading found. `new` rows were missed by the first."""

    from_block: int
    to_block: int
    rows: int
    new: int
    revived: int


@dataclass(frozen=True, slots=True)
class _Depths:
    """The node's heads, and what the policy makes of them. None: the node cannot say."""

    heads: Heads
    policy: str
    confirmed: int | None
    final: int | None


@dataclass(frozen=True, slots=True)
class _Before:
    """What the database knew when the pass began."""

    cursor: ChainCursor | None
    open_deposits: tuple[Deposit, ...]
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Pass:
    """What the pass learnt from the node, checked and not yet written."""

    anchor: Header
    to: Header
    rewound: bool
    decoded: transfers.Decoded
    canonical: Mapping[int, Header]


@dataclass(slots=True)
class _Judgement:
    """Which deposits come, and which become what; the rest stays as it is."""

    arrivals: list[Deposit] = field(default_factory=list)
    moves: list[tuple[Deposit, str]] = field(default_factory=list)


def scan(
    sessions: Sessions,
    rpc: Rpc,
    watch: Watch,
    *,
    token: str,
    policy: Depth,
    now: datetime,
    limits: Limits = Limits(),
) -> ScanReport:
    """Read the blocks that came since the last pass, at most `limits.pass_blocks` of them.

    A pass that finds the chain or the cursor moved under it writes nothing, and says so in its outcome.

    raises: RpcError, RangeRefused; then nothing was written either
    """
    # The heads first, the addresses second. An address is told to its payer only after it was committed,
    # so one that is missing from this list can only be paid in blocks after `latest`: the next pass.
    depths = _depths(node.heads(rpc), policy)
    token = transfers.address(token)
    with sessions() as session:
        before = _before(session, rpc.chain_id, watch)
    unkept = ScanReport(Outcome.OVERTAKEN, depths.heads.latest.number)
    try:
        found = _look(rpc, before, depths, token=token, limits=limits)
        return _keep(sessions, watch, before, found, depths, chain_id=rpc.chain_id, now=now)
    except Overtaken:
        return unkept
    except HeadMoved:
        return replace(unkept, outcome=Outcome.HEAD_MOVED)
    except DeeperThanFinal:
        with sessions() as session:
            store.mark_deeper_than_final(session, chain_id=rpc.chain_id, now=now)
        return replace(unkept, outcome=Outcome.DEEPER_THAN_FINAL)


def rescan(
    sessions: Sessions,
    rpc: Rpc,
    watch: Watch,
    *,
    token: str,
    from_block: int,
    to_block: int,
    now: datetime,
    limits: Limits = Limits(),
) -> RescanReport:
    """Read a range again and keep what is not there yet; twice is the same as once.

    Nothing beyond the cursor is read: those blocks are the next pass's. New rows start as seen, and the
    next pass promotes them.

    raises: RpcError, RangeRefused, NoSuchCursor, HeadMoved (what was read before it is kept)
    """
    with sessions() as session:
        to_block = min(to_block, store.cursor(session, chain_id=rpc.chain_id).block_number)
    rows = new = revived = 0
    for start in range(from_block, to_block + 1, limits.pass_blocks):
        end = min(start + limits.pass_blocks - 1, to_block)
        piece = node.Reading(transfers.address(token), frozenset(), start, end, limits.chunk_blocks)
        seen, added, back = _rescan_piece(sessions, rpc, watch, piece, now=now)
        rows, new, revived = rows + seen, new + added, revived + back
    return RescanReport(from_block, to_block, rows, new, revived)


def audit(
    sessions: Sessions,
    rpc: Rpc,
    watch: Watch,
    *,
    token: str,
    now: datetime,
    limits: Limits = Limits(),
) -> RescanReport | None:
    """Read blocks that became final a second time; None if there are none yet.

    A node behind a load balancer may have answered the first reading with fewer logs and no error. `new`
    above zero means that this happened.

    raises: RpcError, RangeRefused, NoSuchCursor, HeadMoved
    """
    with sessions() as session:
        cursor = store.cursor(session, chain_id=rpc.chain_id)
    start = cursor.audited_number + 1
    end = min(cursor.finalized_number or 0, cursor.block_number, cursor.audited_number + limits.pass_blocks)
    if end < start:
        return None
    report = rescan(sessions, rpc, watch, token=token, from_block=start, to_block=end, now=now, limits=limits)
    with sessions() as session:
        store.audited(session, chain_id=rpc.chain_id, number=end)
    return report


def restart(sessions: Sessions, rpc: Rpc, *, from_block: int, now: datetime) -> None:
    """Go on after `from_block` on the chain as it is now: a person's answer to DEEPER_THAN_FINAL.

    Deposits that are not final are judged again as they deepen; final ones stay, and are the person's.

    raises: RpcError, NoSuchCursor
    """
    heads = node.heads(rpc)
    block = node.header(rpc, from_block)
    with sessions() as session:
        store.restart(session, chain_id=rpc.chain_id, block=block, latest=heads.latest, now=now)


def _depths(heads: Heads, policy: Depth) -> _Depths:
    # The tags may come from nodes that are not equally far: nothing above our head is final.
    final = min(heads.finalized.number, heads.latest.number) if heads.finalized else None
    return _Depths(heads, str(policy), policy.confirmed(heads), final)


def _before(session: Session, chain_id: int, watch: Watch) -> _Before:
    return _Before(
        cursor=store.find_cursor(session, chain_id=chain_id),
        open_deposits=store.open_deposits(session, chain_id=chain_id),
        addresses=frozenset(transfers.address(text) for text in watch.addresses(session)),
    )


def _look(rpc: Rpc, before: _Before, depths: _Depths, *, token: str, limits: Limits) -> _Pass:
    latest = depths.heads.latest
    anchor, rewound = _anchor(rpc, before.cursor, depths.heads, limits)
    last = anchor.number + limits.pass_blocks
    to = latest if last >= latest.number else node.header(rpc, last)
    reading = node.Reading(token, before.addresses, anchor.number + 1, to.number, limits.chunk_blocks)
    decoded = node.read_transfers(rpc, reading)
    heights = {transfer.block_number for transfer in decoded.transfers}
    heights |= set(_due(before.open_deposits, depths))
    if rewound:
        heights |= {
            deposit.block_number
            for deposit in before.open_deposits
            if anchor.number < deposit.block_number <= latest.number
        }
    canonical = {height: node.header(rpc, height) for height in sorted(heights)}
    _check_unmoved(rpc, decoded, canonical, (anchor, to))
    return _Pass(anchor, to, rewound, decoded, canonical)


def _anchor(rpc: Rpc, cursor: ChainCursor | None, heads: Heads, limits: Limits) -> tuple[Header, bool]:
    """The block after which to read, and whether that is a step back because the chain changed."""
    if cursor is None:
        return node.header(rpc, max(0, heads.latest.number - limits.start_margin_blocks)), False
    if heads.latest.number < cursor.block_number:
        # The cursor was read after the heads, so another pass may simply have been quicker.
        node.header(rpc, cursor.block_number)
        raise Overtaken(f"another pass read on to block {cursor.block_number}")
    final = heads.finalized
    if final and final.number == cursor.finalized_number and final.hash != cursor.finalized_hash:
        raise DeeperThanFinal(f"final block {final.number} changed its hash")
    block = node.header(rpc, cursor.block_number)
    if block.hash == cursor.block_hash:
        return block, False
    if cursor.finalized_number is None:
        return node.header(rpc, max(0, cursor.block_number - limits.start_margin_blocks)), True
    if cursor.block_number <= cursor.finalized_number:
        raise DeeperThanFinal(f"block {cursor.block_number} changed below final {cursor.finalized_number}")
    floor = node.header(rpc, cursor.finalized_number)
    if floor.hash != cursor.finalized_hash:
        raise DeeperThanFinal(f"final block {floor.number} changed its hash")
    return floor, True


def _due(deposits: Iterable[Deposit], depths: _Depths) -> Iterable[int]:
    """The heights of deposits that are deep enough for their next state.

    Others need no look while the cursor's block keeps its hash: it vouches for all blocks below it.
    """
    for deposit in deposits:
        becomes_final = deposit.state != ORPHANED and _reached(deposit, depths.final)
        becomes_confirmed = deposit.state == SEEN and _reached(deposit, depths.confirmed)
        if becomes_final or becomes_confirmed:
            yield deposit.block_number


def _reached(deposit: Deposit, number: int | None) -> bool:
    return number is not None and deposit.block_number <= number


def _check_unmoved(
    rpc: Rpc, decoded: transfers.Decoded, canonical: Mapping[int, Header], fixed: Iterable[Header]
) -> None:
    for transfer in decoded.transfers:
        if canonical[transfer.block_number].hash != transfer.block_hash:
            raise HeadMoved(f"block {transfer.block_number} changed while it was read")
    # The first block as well as the last: a reorg below the cursor between two calls would otherwise
    # leave a cursor that vouches for blocks nobody read.
    for block in fixed:
        if node.header(rpc, block.number).hash != block.hash:
            raise HeadMoved(f"block {block.number} changed while the pass ran")


def _judge(found: _Pass, before: _Before, depths: _Depths, *, chain_id: int, now: datetime) -> _Judgement:
    judgement = _Judgement()
    known = {(deposit.block_hash, deposit.log_index) for deposit in before.open_deposits}
    for deposit in before.open_deposits:
        state = _state(deposit, found.canonical, depths)
        if state != deposit.state:
            judgement.moves.append((deposit, state))
    for transfer in found.decoded.transfers:
        if (transfer.block_hash, transfer.log_index) not in known:
            deposit = _deposit(transfer, found.canonical, chain_id=chain_id, now=now)
            store.enter(deposit, _state(deposit, found.canonical, depths), now=now)
            judgement.arrivals.append(deposit)
    return judgement


def _state(deposit: Deposit, canonical: Mapping[int, Header], depths: _Depths) -> str:
    """The state the deposit should have; its own where its block was not looked at."""
    block = canonical.get(deposit.block_number)
    if block is None:
        return deposit.state
    if block.hash != deposit.block_hash:
        return ORPHANED
    if _reached(deposit, depths.final):
        return FINAL
    # What was confirmed stays so when the policy becomes stricter.
    if _reached(deposit, depths.confirmed) or deposit.state == CONFIRMED:
        return CONFIRMED
    return SEEN


def _deposit(
    transfer: transfers.Transfer, canonical: Mapping[int, Header], *, chain_id: int, now: datetime
) -> Deposit:
    return Deposit(
        chain_id=chain_id,
        block_hash=transfer.block_hash,
        log_index=transfer.log_index,
        block_number=transfer.block_number,
        block_time=canonical[transfer.block_number].time,
        tx_hash=transfer.tx_hash,
        token=transfer.token,
        sender=transfer.sender,
        address=transfer.recipient,
        amount=store.numeric(transfer.units),
        state=SEEN,
        first_seen_at=now,
    )


def _advance(
    session: Session, before: _Before, found: _Pass, depths: _Depths, *, chain_id: int, now: datetime
) -> None:
    latest, finalized = depths.heads.latest, depths.heads.finalized
    values = store.Position(
        block=found.to,
        latest=latest,
        confirmed_number=depths.confirmed,
        finalized=finalized if finalized and finalized.number <= latest.number else None,
        depth_policy=depths.policy,
    )
    if before.cursor is None:
        store.begin(session, values, chain_id=chain_id, first_block=found.anchor, now=now)
    else:
        store.advance(session, before.cursor, values, now=now)


def _keep(
    sessions: Sessions,
    watch: Watch,
    before: _Before,
    found: _Pass,
    depths: _Depths,
    *,
    chain_id: int,
    now: datetime,
) -> ScanReport:
    judgement = _judge(found, before, depths, chain_id=chain_id, now=now)
    with sessions() as session:
        # The cursor first: its lock keeps other passes out until the rows are in.
        _advance(session, before, found, depths, chain_id=chain_id, now=now)
        counts = _write(session, watch, judgement, now=now)
    latest = depths.heads.latest.number
    return ScanReport(
        Outcome.KEPT,
        latest,
        from_block=found.anchor.number + 1,
        to_block=found.to.number,
        behind=latest - found.to.number,
        rewound=found.rewound,
        depth_unknown=depths.confirmed is None,
        skipped=found.decoded.skipped,
        **counts,
    )


def _write(session: Session, watch: Watch, judgement: _Judgement, *, now: datetime) -> dict[str, int]:
    arrived = store.insert(session, judgement.arrivals)
    moved = [
        (deposit, state) for deposit, state in judgement.moves if store.move(session, deposit, state, now=now)
    ]
    addresses = {deposit.address for deposit in (*arrived, *(deposit for deposit, _ in moved))}
    if addresses:
        watch.changed(session, sorted(addresses))
    states = [deposit.state for deposit in arrived] + [state for _, state in moved]
    return {
        "new": len(arrived),
        "confirmed": states.count(CONFIRMED),
        "final": states.count(FINAL),
        "orphaned": states.count(ORPHANED),
        "revived": sum(deposit.state == ORPHANED for deposit, _ in moved),
    }


def _rescan_piece(
    sessions: Sessions, rpc: Rpc, watch: Watch, piece: node.Reading, *, now: datetime
) -> tuple[int, int, int]:
    to = node.header(rpc, piece.to_block)
    with sessions() as session:
        addresses = frozenset(transfers.address(text) for text in watch.addresses(session))
    decoded = node.read_transfers(rpc, replace(piece, recipients=addresses))
    heights = sorted({transfer.block_number for transfer in decoded.transfers})
    canonical = {height: node.header(rpc, height) for height in heights}
    _check_unmoved(rpc, decoded, canonical, (to,))
    deposits = [
        _deposit(transfer, canonical, chain_id=rpc.chain_id, now=now) for transfer in decoded.transfers
    ]
    with sessions() as session:
        arrived = store.insert(session, deposits)
        revived = store.revive(session, deposits)
        if arrived or revived:
            watch.changed(session, sorted({deposit.address for deposit in (*arrived, *revived)}))
    return len(deposits), len(arrived), len(revived)
