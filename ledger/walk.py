"""Walking back through an agent's entries in steps that cost the same however long its history is.

The paths of spending keep no index but their own, so what is looked for is found on the way, and a step ends
with what it found or after MOST_READ entries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlmodel import Session, text

from ledger import chart

MOST_READ: Final = 10_000
"""The most entries that one step passes."""


class _Placed(Protocol):
    @property
    def seq(self) -> int:
        """The number of the entry, counted by agent."""
        ...


Found = TypeVar("Found", bound=_Placed)


@dataclass(frozen=True, slots=True)
class Stretch(Generic[Found]):
    """What one step found, the newest first; it may be less than asked for though `next` goes on.

    `next` is the entry before which the next step begins, None if nothing older can be found.
    """

    found: tuple[Found, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """Where a step begins, and the numbers that `BACK` is given."""

    before: int
    given: Mapping[str, Any]


# The account's id as a scalar, or the entries could not be read in the order of the index.
BACK: Final = """
    SELECT entry.seq, entry.amount, entry.held, told.*
    FROM entry
    JOIN ledger_transaction AS told ON told.id = entry.transaction_id
    WHERE entry.account_id = (SELECT id FROM account WHERE name = :account)
        AND entry.shard = 0
        AND entry.seq < :before
        AND entry.seq >= :before - :most_read
"""
_VERSION: Final = text(
    """
    SELECT balance.seq
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = :account
    """
)


def start(session: Session, *, agent_id: str, before: int | None) -> Start:
    """A step that begins before the entry `before`, or at the newest."""
    account = chart.agent(agent_id)
    if before is None:
        before = (session.connection().execute(_VERSION, {"account": account}).scalar() or 0) + 1
    return Start(before, {"account": account, "before": before, "most_read": MOST_READ})


def stretch(found: Sequence[Found], *, start: Start, most: int, ends: bool = False) -> Stretch[Found]:
    """What a step found when it asked for one more than `most`; `ends` if nothing older is wanted."""
    kept = tuple(found[:most])
    if len(found) > most:
        return Stretch(kept, kept[-1].seq)
    read_down_to = start.before - MOST_READ
    return Stretch(kept, None if ends or read_down_to <= 1 else read_down_to)
