"""Which attempt of an agent a transfer to its address belongs to. Pure: no clock, no network, no database.

Attempts of one agent with one price are interchangeable, so a transfer pays the oldest of them that waits for
exactly its amount. Whatever pays none is told at an attempt all the same: never silence.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from ledger.money import Amount
from rails.awaiting import Awaiting
from rails.chain.deposits import DepositView

_SURE = {"final": 0, "confirmed": 0, "seen": 1, "orphaned": 2}


@dataclass(frozen=True, slots=True)
class Name:
    """A transfer whatever block it lies in: the place among those of its transaction to one address."""

    tx_hash: str
    position: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer, and its row in every block that it was ever seen in. The latest that stands comes first."""

    name: Name
    rows: tuple[DepositView, ...]

    @property
    def latest(self) -> DepositView:
        """Its row as it stands."""
        return self.rows[0]

    @property
    def amount(self) -> Amount:
        """What it moves."""
        return self.latest.amount

    @property
    def deep(self) -> bool:
        """Whether it lies as deep as the policy wants."""
        return _SURE[self.latest.state] == 0


@dataclass(frozen=True, slots=True)
class Match:
    """A transfer and its attempt. Unless it `pays`, it came beside what was asked for.

    `undecided`: it pays if the transfer that was to pay, which the chain took back, does not come again.
    """

    transfer: Transfer
    payment_attempt_id: str
    pays: bool
    undecided: bool = False


def transfers(rows: Iterable[DepositView]) -> tuple[Transfer, ...]:
    """The transfers in these rows of one address, the surest first, then in chain order."""
    in_blocks = sorted(rows, key=lambda row: (row.block_hash, row.tx_hash, row.log_index))
    seen: dict[Name, list[DepositView]] = {}
    for (_, tx_hash), together in groupby(in_blocks, key=attrgetter("block_hash", "tx_hash")):
        for position, row in enumerate(together):
            seen.setdefault(Name(tx_hash, position), []).append(row)
    found = (Transfer(name, tuple(sorted(rows, key=_surest))) for name, rows in seen.items())
    return tuple(sorted(found, key=lambda transfer: _surest(transfer.latest)))


def match(
    unclaimed: Sequence[Transfer],
    awaiting: Sequence[Awaiting],
    *,
    taken: Collection[str],
    wavering: Collection[str] = (),
) -> list[Match]:
    """The attempt of every transfer that nobody has claimed.

    `awaiting` is sorted, oldest first; those in `taken` are paid by another transfer, or closed. What was to
    pay those in `wavering`, which are taken too, was taken back by the chain a moment ago.
    """
    shaky = [attempt for attempt in awaiting if attempt.payment_attempt_id in wavering]
    free = [
        attempt
        for standing in ("open", "over")
        for attempt in awaiting
        if attempt.standing == standing and attempt.payment_attempt_id not in taken
    ]
    matches = []
    for transfer in unclaimed:
        paid = next((attempt for attempt in free if attempt.amount == transfer.amount), None)
        if paid is not None:
            free.remove(paid)
            matches.append(Match(transfer, paid.payment_attempt_id, pays=True))
        elif perhaps := next((attempt for attempt in shaky if attempt.amount == transfer.amount), None):
            shaky.remove(perhaps)
            matches.append(Match(transfer, perhaps.payment_attempt_id, pays=False, undecided=True))
        elif awaiting:
            matches.append(Match(transfer, _beside(free, awaiting).payment_attempt_id, pays=False))
    return matches


def _beside(free: Sequence[Awaiting], awaiting: Sequence[Awaiting]) -> Awaiting:
    """Where money that pays nothing is told: at the attempt that its sender most likely meant."""
    return next((attempt for attempt in free if attempt.standing == "open"), awaiting[-1])


def _surest(row: DepositView) -> tuple[int, int, int]:
    return (_SURE[row.state], row.block_number, row.log_index)
