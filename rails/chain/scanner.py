"""Read new blocks, keep the deposits in them, and tell whoever waits. One pass at a time.

A pass holds because of five checks: the block at the cursor still has its hash (else go back to the last
final block); the last block is named by its hash before reading and again after; every deposit's own block
is looked at before the deposit is kept, confirmed or final; other nodes, where there are any, tell the same
chain; and the cursor moves in the same transaction as the rows, only if no other pass moved it meanwhile.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlmodel import Session

from ledger.database import Sessions
from rails.chain import agreement, lease, node, store, transfers
from rails.chain.agreement import ALONE, Depths, Witnesses
from rails.chain.errors import DeeperThanFinal, HeadMoved, NodesDisagree, Overtaken
from rails.chain.finality import Depth
from rails.chain.lease import Lease
from rails.chain.models import CONFIRMED, FINAL, ORPHANED, SEEN, ChainCursor, Deposit
from rails.chain.node import Header, Heads
from rails.chain.rpc import Node
from rails.chain.store import Arrival


class Watch(Protocol):
    """Who waits for money, and wants to hear of it."""

    def addresses(self, session: Session) -> Collection[str]:
        """Every address that a payment may still reach."""
        ...

    def changed(self, session: Session, addresses: Collection[str]) -> None:
        """Deposits at these addresses came or changed state: note, in this transaction, to look at them."""
        ...

    def deeper_than_final(self, session: Session, *, chain_id: int, detail: str) -> None:
        """A final block changed and the watcher stopped: note, in this transaction, that a person decides.

        Called once for each time that it stops. Nothing is taken back by itself.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call and one pass may take, in blocks."""

    chunk_blocks: int = 500
    pass_blocks: int = 2_000
    start_margin_blocks: int = 1_800
    bloom_blocks: int = 64
    """Of the newest blocks of a reading, how many are compared with their blooms where nothing was told."""


class Outcome(StrEnum):
    """How a pass ended. Only KEPT wrote rows and moved the cursor."""

    KEPT = "kept"
    HEAD_MOVED = "head_moved"
    OVERTAKEN = "overtaken"
    DEEPER_THAN_FINAL = "deeper_than_final"
    NODES_DISAGREE = "nodes_disagree"


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a pass did. The last five count deposits by what became of them."""

    outcome: Outcome
    head: int
    detail: str = ""
    """Why it was not kept, for people."""
    from_block: int | None = None
    to_block: int | None = None
    behind: int = 0
    rewound: bool = False
    depth_unknown: bool = False
    """Nobody could say how deep the policy's blocks are: nothing was confirmed, whatever its depth."""
    too_few_nodes: bool = False
    """Because fewer nodes spoke than must agree."""
    silent: tuple[str, ...] = ()
    """Of the other nodes, who said nothing, and why."""
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


@dataclass(frozen=True, slots=True)
class _Counts:
    """Deposits by what became of them."""

    new: int
    confirmed: int
    final: int
    orphaned: int
    revived: int


@dataclass(slots=True)
class _Judgement:
    """Which deposits come, and which become what; the rest stays as it is."""

    arrivals: list[Arrival] = field(default_factory=list)
    moves: list[tuple[Deposit, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a pass is asked to do."""

    rpc: Node
    token: str
    others: tuple[str, ...]
    limits: Limits
    lease: Lease | None
    now: datetime


def scan(
    sessions: Sessions,
    rpc: Node,
    watch: Watch,
    *,
    token: str,
    policy: Depth,
    now: datetime,
    limits: Limits = Limits(),
    others: Collection[str] = (),
    witnesses: Witnesses = ALONE,
    lease: Lease | None = None,
) -> ScanReport:
    """Read the blocks that came since the last pass, at most `limits.pass_blocks` of them.

    Transfers of the tokens in `others` are kept beside those of `token`, and are never money. What counts
    needs the word of `witnesses` too. Under a `lease` nothing is written once somebody else took it. A pass
    that finds the chain or the cursor moved under it writes nothing, and says so in its outcome.

    raises: RpcError, RangeRefused; then nothing was written either
    """
    work = _Work(rpc, transfers.address(token), _addresses(others), limits, lease, now)
    # The heads first, the addresses second. An address is told to its payer only after it was committed,
    # so one that is missing from this list can only be paid in blocks after `latest`: the next pass.
    try:
        depths = agreement.depths(rpc, witnesses, policy)
    except NodesDisagree as error:
        return ScanReport(Outcome.NODES_DISAGREE, head=0, detail=str(error))
    except Overtaken as error:
        return ScanReport(Outcome.OVERTAKEN, head=0, detail=str(error))
    with sessions() as session:
        before = _before(session, rpc.chain_id, watch)
    unkept = ScanReport(Outcome.OVERTAKEN, depths.heads.latest.number)
    try:
        found = _look(work, before, depths)
        return _keep(sessions, watch, before, found, depths, work=work)
    except Overtaken as error:
        return replace(unkept, detail=str(error))
    except HeadMoved as error:
        return replace(unkept, outcome=Outcome.HEAD_MOVED, detail=str(error))
    except DeeperThanFinal as error:
        with sessions() as session:
            if store.mark_deeper_than_final(session, chain_id=rpc.chain_id, now=now):
                watch.deeper_than_final(session, chain_id=rpc.chain_id, detail=str(error))
        return replace(unkept, outcome=Outcome.DEEPER_THAN_FINAL, detail=str(error))


def rescan(
    sessions: Sessions,
    rpc: Node,
    watch: Watch,
    *,
    token: str,
    from_block: int,
    to_block: int,
    now: datetime,
    limits: Limits = Limits(),
    others: Collection[str] = (),
    told: Callable[[RescanReport], None] = lambda _: None,
) -> RescanReport:
    """Read a range again and keep what is not there yet; twice is the same as once.

    Nothing beyond the cursor is read: those blocks are the next pass's. New rows start as seen, and the
    next pass promotes them. `told` hears how far it came after every piece.

    raises: RpcError, RangeRefused, NoSuchCursor, HeadMoved (what was read before it is kept)
    """
    with sessions() as session:
        to_block = min(to_block, store.cursor(session, chain_id=rpc.chain_id).block_number)
    work = _Work(rpc, transfers.address(token), _addresses(others), limits, None, now)
    report = RescanReport(from_block, min(to_block, from_block - 1), rows=0, new=0, revived=0)
    for start in range(from_block, to_block + 1, limits.pass_blocks):
        end = min(start + limits.pass_blocks - 1, to_block)
        rows, new, revived = _rescan_piece(sessions, watch, work, start, end)
        report = RescanReport(from_block, end, report.rows + rows, report.new + new, report.revived + revived)
        told(report)
    return report


def audit(
    sessions: Sessions,
    rpc: Node,
    watch: Watch,
    *,
    token: str,
    now: datetime,
    limits: Limits = Limits(),
    others: Collection[str] = (),
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
    report = rescan(
        sessions,
        rpc,
        watch,
        token=token,
        from_block=start,
        to_block=end,
        now=now,
        limits=limits,
        others=others,
    )
    with sessions() as session:
        store.audited(session, chain_id=rpc.chain_id, number=end)
    return report


def restart(sessions: Sessions, rpc: Node, *, from_block: int, now: datetime) -> tuple[Deposit, ...]:
    """Go on after `from_block` on the chain as it is now: a person's answer to DEEPER_THAN_FINAL.

    Deposits that are not final are judged again as they deepen. Final ones stay; those returned are above
    `from_block` and not on this chain any more, and what becomes of their money is the person's to decide.

    raises: RpcError, NoSuchCursor
    """
    heads = node.heads(rpc)
    block = node.header(rpc, from_block)
    with sessions() as session:
        final = store.final_above(session, chain_id=rpc.chain_id, number=from_block)
    lost = tuple(deposit for deposit in final if not _is_there(rpc, deposit, heads))
    with sessions() as session:
        store.restart(session, chain_id=rpc.chain_id, block=block, latest=heads.latest, now=now)
    return lost


def _is_there(rpc: Node, deposit: Deposit, heads: Heads) -> bool:
    if deposit.block_number > heads.latest.number:
        return False
    return node.header(rpc, deposit.block_number).hash == deposit.block_hash


def _addresses(tokens: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({transfers.address(text) for text in tokens}))


def _before(session: Session, chain_id: int, watch: Watch) -> _Before:
    return _Before(
        cursor=store.find_cursor(session, chain_id=chain_id),
        open_deposits=store.open_deposits(session, chain_id=chain_id),
        addresses=frozenset(transfers.address(text) for text in watch.addresses(session)),
    )


def _look(work: _Work, before: _Before, depths: Depths) -> _Pass:
    latest, rpc = depths.heads.latest, work.rpc
    anchor, rewound = _anchor(rpc, before.cursor, depths.heads, work.limits)
    last = anchor.number + work.limits.pass_blocks
    to = latest if last >= latest.number else node.header(rpc, last)
    reading = node.Reading(
        work.token, before.addresses, anchor.number + 1, to.number, work.limits.chunk_blocks, work.others
    )
    decoded = node.read_transfers(rpc, reading)
    node.check_blooms(rpc, reading, decoded, to=to, most=work.limits.bloom_blocks)
    heights = {transfer.block_number for transfer in decoded.transfers}
    heights |= set(_due(before.open_deposits, depths))
    if rewound:
        heights |= {
            deposit.block_number
            for deposit in before.open_deposits
            if anchor.number < deposit.block_number <= latest.number
        }
    canonical = node.headers(rpc, heights)
    _check_unmoved(rpc, decoded, canonical, (anchor, to))
    return _Pass(anchor, to, rewound, decoded, canonical)


def _anchor(rpc: Node, cursor: ChainCursor | None, heads: Heads, limits: Limits) -> tuple[Header, bool]:
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


def _due(deposits: Iterable[Deposit], depths: Depths) -> Iterable[int]:
    """The heights of deposits that are deep enough for their next state.

    Others need no look while the cursor's block keeps its hash: it vouches for all blocks below it.
    """
    for deposit in deposits:
        becomes_final = deposit.state != ORPHANED and _final(deposit, depths)
        becomes_confirmed = deposit.state == SEEN and _reached(deposit, depths.confirmed)
        if becomes_final or becomes_confirmed:
            yield deposit.block_number


def _final(deposit: Deposit | Arrival, depths: Depths) -> bool:
    return _reached(deposit, depths.final.number if depths.final else None)


def _reached(deposit: Deposit | Arrival, number: int | None) -> bool:
    return number is not None and deposit.block_number <= number


def _check_unmoved(
    rpc: Node, decoded: transfers.Decoded, canonical: Mapping[int, Header], fixed: Iterable[Header]
) -> None:
    for transfer in decoded.transfers:
        if canonical[transfer.block_number].hash != transfer.block_hash:
            raise HeadMoved(f"block {transfer.block_number} changed while it was read")
    # The first block as well as the last: a reorg below the cursor between two calls would otherwise
    # leave a cursor that vouches for blocks nobody read.
    for block in fixed:
        if node.header(rpc, block.number).hash != block.hash:
            raise HeadMoved(f"block {block.number} changed while the pass ran")


def _judge(found: _Pass, before: _Before, depths: Depths, *, chain_id: int, now: datetime) -> _Judgement:
    judgement = _Judgement()
    known = {(deposit.block_hash, deposit.log_index) for deposit in before.open_deposits}
    for deposit in before.open_deposits:
        state = _state(deposit, found.canonical, depths)
        if state != deposit.state:
            judgement.moves.append((deposit, state))
    for transfer in found.decoded.transfers:
        if (transfer.block_hash, transfer.log_index) not in known:
            arrival = _arrival(transfer, found.canonical, chain_id=chain_id, now=now)
            store.enter(arrival, _state(arrival, found.canonical, depths), now=now)
            judgement.arrivals.append(arrival)
    return judgement


def _state(deposit: Deposit | Arrival, canonical: Mapping[int, Header], depths: Depths) -> str:
    """The state the deposit should have; its own where its block was not looked at."""
    block = canonical.get(deposit.block_number)
    if block is None:
        return deposit.state
    if block.hash != deposit.block_hash:
        return ORPHANED
    if _final(deposit, depths):
        return FINAL
    # What was confirmed stays so when the policy becomes stricter.
    if _reached(deposit, depths.confirmed) or deposit.state == CONFIRMED:
        return CONFIRMED
    return SEEN


def _arrival(
    transfer: transfers.Transfer, canonical: Mapping[int, Header], *, chain_id: int, now: datetime
) -> Arrival:
    return Arrival(
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


def _advance(session: Session, before: _Before, found: _Pass, depths: Depths, *, work: _Work) -> None:
    if work.lease is not None:
        lease.check(session, work.lease)
    values = store.Position(
        block=found.to,
        latest=depths.heads.latest,
        confirmed_number=depths.confirmed,
        finalized=depths.final,
        depth_policy=depths.policy,
        fencing_token=work.lease.token if work.lease else None,
    )
    if before.cursor is None:
        store.begin(session, values, chain_id=work.rpc.chain_id, first_block=found.anchor, now=work.now)
    else:
        store.advance(session, before.cursor, values, now=work.now)


def _keep(
    sessions: Sessions, watch: Watch, before: _Before, found: _Pass, depths: Depths, *, work: _Work
) -> ScanReport:
    judgement = _judge(found, before, depths, chain_id=work.rpc.chain_id, now=work.now)
    with sessions() as session:
        # The cursor first: its lock keeps other passes out until the rows are in.
        _advance(session, before, found, depths, work=work)
        counts = _write(session, watch, judgement, now=work.now)
    latest = depths.heads.latest.number
    return ScanReport(
        Outcome.KEPT,
        latest,
        from_block=found.anchor.number + 1,
        to_block=found.to.number,
        behind=latest - found.to.number,
        rewound=found.rewound,
        depth_unknown=depths.confirmed is None,
        too_few_nodes=depths.too_few,
        silent=depths.silent,
        skipped=found.decoded.skipped,
        new=counts.new,
        confirmed=counts.confirmed,
        final=counts.final,
        orphaned=counts.orphaned,
        revived=counts.revived,
    )


def _write(session: Session, watch: Watch, judgement: _Judgement, *, now: datetime) -> _Counts:
    arrived = store.insert(session, judgement.arrivals)
    moved = [
        (deposit, state) for deposit, state in judgement.moves if store.move(session, deposit, state, now=now)
    ]
    addresses = {deposit.address for deposit in arrived} | {deposit.address for deposit, _ in moved}
    if addresses:
        watch.changed(session, sorted(addresses))
    states = [deposit.state for deposit in arrived] + [state for _, state in moved]
    return _Counts(
        new=len(arrived),
        confirmed=states.count(CONFIRMED),
        final=states.count(FINAL),
        orphaned=states.count(ORPHANED),
        revived=sum(deposit.state == ORPHANED for deposit, _ in moved),
    )


def _rescan_piece(
    sessions: Sessions, watch: Watch, work: _Work, start: int, end: int
) -> tuple[int, int, int]:
    """Read these blocks again: how many transfers they hold, how many were new, how many came back."""
    rpc = work.rpc
    to = node.header(rpc, end)
    with sessions() as session:
        parties = frozenset(transfers.address(text) for text in watch.addresses(session))
    reading = node.Reading(work.token, parties, start, end, work.limits.chunk_blocks, work.others)
    decoded = node.read_transfers(rpc, reading)
    node.check_blooms(rpc, reading, decoded, to=to, most=work.limits.bloom_blocks)
    canonical = node.headers(rpc, {transfer.block_number for transfer in decoded.transfers})
    _check_unmoved(rpc, decoded, canonical, (to,))
    deposits = [
        _arrival(transfer, canonical, chain_id=rpc.chain_id, now=work.now) for transfer in decoded.transfers
    ]
    with sessions() as session:
        arrived = store.insert(session, deposits)
        revived = store.revive(session, deposits)
        if arrived or revived:
            watch.changed(session, sorted({deposit.address for deposit in (*arrived, *revived)}))
    return len(deposits), len(arrived), len(revived)
