"""What the scanner asks a node, in typed questions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import msgspec

from rails.chain import transfers
from rails.chain.errors import BadAnswer, NodeLags, RangeRefused, RangeTooLarge, RpcRefused, TooManyAddresses
from rails.chain.rpc import Rpc, quantity

ADDRESSES_PER_CALL = 500
FILTER_HERE_ABOVE = 5_000
"""From so many addresses on, all transfers are fetched and filtered here: fewer, larger calls."""
GROW_AFTER = 8
LATEST_TIME_UNIX = 253_402_300_799


class _RawHeader(msgspec.Struct, rename="camel"):
    number: str
    hash: str
    timestamp: str


@dataclass(frozen=True, slots=True)
class Header:
    """A block's place in the chain."""

    number: int
    hash: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Heads:
    """The node's view at one moment. A tag that the node does not know is None."""

    latest: Header
    safe: Header | None
    finalized: Header | None


_HEADER = msgspec.json.Decoder(_RawHeader | None)


def heads(rpc: Rpc) -> Heads:
    """Read the three tags.

    raises: RpcError
    """
    # Final first: a head that moves in between is then at least not behind what is final.
    finalized, safe = _tagged(rpc, "finalized"), _tagged(rpc, "safe")
    latest = _header(rpc, "latest")
    if latest is None:
        raise BadAnswer("the node knows no latest block")
    return Heads(latest=latest, safe=safe, finalized=finalized)


def header(rpc: Rpc, number: int) -> Header:
    """The block of the canonical chain at this height.

    raises: RpcError; NodeLags if the node has none
    """
    found = _header(rpc, hex(number))
    if found is None:
        raise NodeLags(f"the node has no block {number}")
    if found.number != number:
        raise BadAnswer(f"asked for block {number}, got {found.number}")
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read: transfers of `token` to `recipients`, in calls of at most `chunk_blocks`."""

    token: str
    recipients: Collection[str]
    from_block: int
    to_block: int
    chunk_blocks: int


def read_transfers(rpc: Rpc, reading: Reading) -> transfers.Decoded:
    """All transfers that `reading` asks for, in chain order.

    raises: RpcError; RangeRefused if the node refuses even one block or one address
    """
    found: list[transfers.Transfer] = []
    skipped = 0
    # An empty list of topics matches everybody's transfers, so nobody to watch means no call at all.
    for group in _groups(reading.recipients):
        for part in _walk(rpc, reading, group):
            found += part.transfers
            skipped += part.skipped
    found.sort(key=lambda transfer: (transfer.block_number, transfer.log_index))
    return transfers.Decoded(tuple(found), skipped)


def _groups(recipients: Collection[str]) -> Iterator[Sequence[str]]:
    if len(recipients) > FILTER_HERE_ABOVE:
        yield sorted(recipients)
        return
    ordered = iter(sorted(recipients))
    while group := list(islice(ordered, ADDRESSES_PER_CALL)):
        yield group


def _walk(rpc: Rpc, reading: Reading, group: Sequence[str]) -> Iterator[transfers.Decoded]:
    start, size, easy = reading.from_block, reading.chunk_blocks, 0
    while start <= reading.to_block:
        end = min(start + size - 1, reading.to_block)
        try:
            yield _read(rpc, reading, group, start, end)
        except RangeTooLarge as error:
            if start == end:
                raise RangeRefused(f"block {start} alone is refused: {error}") from error
            # Halved by our own arithmetic: a range that the node suggests may lie outside of ours.
            size, easy = (end - start + 1) // 2, 0
            continue
        start, easy = end + 1, easy + 1
        if easy >= GROW_AFTER:
            size, easy = min(size * 2, reading.chunk_blocks), 0


def _read(rpc: Rpc, reading: Reading, group: Sequence[str], start: int, end: int) -> transfers.Decoded:
    topics: list[object] = [transfers.TRANSFER_TOPIC]
    if len(group) <= FILTER_HERE_ABOVE:
        topics += [None, [transfers.topic(recipient) for recipient in group]]
    query = {"address": reading.token, "topics": topics, "fromBlock": hex(start), "toBlock": hex(end)}
    try:
        logs = rpc.call("eth_getLogs", [query], answer=transfers.LOGS)
    except TooManyAddresses as error:
        return _read_halves(rpc, reading, group, start, end, error)
    return transfers.decode(logs, token=reading.token, from_block=start, to_block=end, recipients=group)


def _read_halves(
    rpc: Rpc, reading: Reading, group: Sequence[str], start: int, end: int, error: TooManyAddresses
) -> transfers.Decoded:
    if len(group) == 1 or len(group) > FILTER_HERE_ABOVE:
        raise RangeRefused(f"a filter of one entry is refused: {error}") from error
    middle = len(group) // 2
    halves = [_read(rpc, reading, half, start, end) for half in (group[:middle], group[middle:])]
    return transfers.Decoded(
        tuple(transfer for half in halves for transfer in half.transfers),
        sum(half.skipped for half in halves),
    )


def _tagged(rpc: Rpc, tag: str) -> Header | None:
    # After a restart nodes answer null, or refuse with "safe block not found", until they know again.
    try:
        return _header(rpc, tag)
    except (RpcRefused, NodeLags):
        return None


def _header(rpc: Rpc, block: str) -> Header | None:
    raw = rpc.call("eth_getBlockByNumber", [block, False], answer=_HEADER)
    if raw is None:
        return None
    seconds = quantity(raw.timestamp)
    if seconds > LATEST_TIME_UNIX or len(raw.hash) != 66:
        raise BadAnswer(f"block {block} has no usable hash or time")
    return Header(
        number=quantity(raw.number),
        hash=raw.hash.lower(),
        time=datetime.fromtimestamp(seconds, tz=UTC),
    )
