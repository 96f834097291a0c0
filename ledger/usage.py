"""What an agent's credits were used for: its debits and captures, and what was given back of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session, text

from ledger import chart
from ledger.money import CREDIT, Amount

MOST_READ: Final = 10_000
"""How far back a list goes, in entries of the agent: holds and releases are passed over one by one."""


@dataclass(frozen=True, slots=True)
class Use:
    """Credits that one transaction took from an agent, or gave back if negative. `job` is what it was for."""

    transaction_id: int
    at: datetime
    job: str | None
    credits: Amount


# The account's id as a scalar, or the rows could not be read in the order of the index.
_NEWEST: Final = text(
    """
    SELECT transaction_id, effective_at, job, credits
    FROM credit_use
    WHERE account_id = (SELECT id FROM account WHERE name = :account)
        AND seq > (
            SELECT seq - :most_read
            FROM balance
            WHERE shard = 0 AND account_id = (SELECT id FROM account WHERE name = :account)
        )
        AND (CAST(:job AS text) IS NULL OR job = :job)
    ORDER BY seq DESC
    LIMIT :most
    """
)
_ONE: Final = text(
    """
    SELECT transaction_id, effective_at, job, credits
    FROM credit_use
    WHERE account_id = (SELECT id FROM account WHERE name = :account)
        AND transaction_id = :id
    """
)


def newest(session: Session, *, agent_id: str, most: int, job: str | None = None) -> Sequence[Use]:
    """The uses that were booked last, newest first; of one job if given. Those before MOST_READ are not."""
    given = {"account": chart.agent(agent_id), "most": most, "most_read": MOST_READ, "job": job}
    return [_use(row) for row in session.connection().execute(_NEWEST, given)]


def one(session: Session, *, agent_id: str, transaction_id: int) -> Use | None:
    """The use that this agent's transaction was; None if it was none."""
    given = {"account": chart.agent(agent_id), "id": transaction_id}
    row = session.connection().execute(_ONE, given).one_or_none()
    return _use(row) if row is not None else None


def _use(row: Any) -> Use:
    return Use(row.transaction_id, row.effective_at, row.job, Amount(row.credits, CREDIT))
