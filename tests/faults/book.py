"""What the book holds of the agents of a history, read as plainly as possible."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlmodel import text

from ledger.database import Sessions
from tests.faults.model import Held

_ROWS: Final = text(
    """
    SELECT told.id, told.reference, told.kind, told.outcome, told.credits, account.name
    FROM ledger_transaction AS told
    JOIN account ON account.id = told.account_id
    WHERE account.name = ANY (:accounts) OR told.reference = ANY (:purchases)
    ORDER BY told.id
    """
)
_STANDING: Final = text(
    """
    SELECT
        account.name, balance.seq, balance.posted, balance.held,
        ARRAY(
            SELECT json_build_array(hold.id, hold.credits)
            FROM hold WHERE hold.account_id = account.id AND hold.state = 'open'
        )
    FROM account
    JOIN balance ON balance.account_id = account.id AND balance.shard = 0
    WHERE account.name = ANY (:accounts)
    """
)
_IN_REVIEW: Final = text(
    """
    SELECT payment_attempt_id FROM payment_attempt
    WHERE payment_attempt_id = ANY (:attempts) AND state = 'needs_review'
    """
)
PURCHASE: Final = "purchase:"


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction, or one refusal that is kept under its key."""

    transaction_id: int
    reference: str
    kind: str
    outcome: str
    credits: int
    agent: str

    @property
    def key(self) -> str | None:
        """The idempotency key of the service that asked, None if the house did it by itself."""
        return self.reference.split(":", 2)[2] if self.reference.startswith("svc:") else None

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.outcome == "done"


@dataclass(frozen=True, slots=True)
class Standing:
    """What an agent has now."""

    version: int
    posted: int
    held: int
    holds: frozenset[Held]


@dataclass(frozen=True)
class Book:
    """Everything told of some agents, and what they have."""

    rows: tuple[Row, ...]
    standings: Mapping[str, Standing]
    in_review: frozenset[str] = frozenset()
    """Payments about which a person has been asked: what arrived is neither lost nor granted."""


def read(sessions: Sessions, *, agents: Iterable[str], attempts: Iterable[str]) -> Book:
    """What the book holds of these agents, and of these payments whomever they are booked for."""
    named = {"accounts": [f"agent:{agent}" for agent in agents]}
    opened = list(attempts)
    purchases = [f"{PURCHASE}{attempt}" for attempt in opened]
    with sessions() as session:
        connection = session.connection()
        rows = connection.execute(_ROWS, {**named, "purchases": purchases}).all()
        standings = connection.execute(_STANDING, named).all()
        in_review = connection.scalars(_IN_REVIEW, {"attempts": opened}).all()
    return Book(
        tuple(
            Row(row.id, row.reference, row.kind, row.outcome, row.credits, _agent(row.name)) for row in rows
        ),
        {
            _agent(name): Standing(version, posted, held, frozenset(Held(*each) for each in holds))
            for name, version, posted, held, holds in standings
        },
        frozenset(in_review),
    )


def _agent(account: str) -> str:
    return account.removeprefix("agent:")
