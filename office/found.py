"""What a search found, in a line each: what it is, whose, how it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Row, TextClause
from sqlmodel import Session, text

from ledger.money import USD, Amount

Kind = Literal[
    "purchase", "quote", "agent", "exception", "notice", "transaction", "hold", "message", "service"
]


@dataclass(frozen=True, slots=True)
class Hit:
    """That something was found, and why."""

    kind: Kind
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that has a page of its own. `about` says in a few words what it is, `state` how it stands."""

    kind: Kind
    key: str
    why: str
    about: str
    state: str | None
    agent_id: str | None
    at: datetime | None


_DESCRIBED: Final[Mapping[Kind, TextClause]] = {
    "purchase": text(
        """
        SELECT attempt.payment_attempt_id AS key, attempt.rail_id AS about, attempt.state, attempt.agent_id,
            attempt.created_at AS at, quote.credits, quote.price_cents
        FROM payment_attempt AS attempt
        JOIN quote ON quote.quote_id = attempt.quote_id
        WHERE attempt.payment_attempt_id = ANY(:keys)
        """
    ),
    "quote": text(
        """
        SELECT quote_id AS key, rail_id AS about, NULL AS state, agent_id, created_at AS at,
            credits, price_cents
        FROM quote WHERE quote_id = ANY(:keys)
        """
    ),
    "agent": text(
        """
        SELECT agent_id AS key, agent_name AS about, runtime AS state, agent_id, created_at AS at,
            NULL AS credits, NULL AS price_cents
        FROM agent WHERE agent_id = ANY(:keys)
        """
    ),
    "exception": text(
        """
        SELECT CAST(item.exception_id AS text) AS key, item.kind AS about,
            CASE WHEN item.closed_at IS NULL THEN 'open' ELSE 'closed' END AS state,
            attempt.agent_id, item.opened_at AS at, NULL AS credits, NULL AS price_cents
        FROM payment_exception AS item
        LEFT JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = item.payment_attempt_id
        WHERE item.exception_id = ANY(CAST(:keys AS bigint[]))
        """
    ),
    "notice": text(
        """
        SELECT CAST(notice_id AS text) AS key, kind || ' ' || external_id AS about, state, NULL AS agent_id,
            received_at AS at, NULL AS credits, NULL AS price_cents
        FROM notice WHERE notice_id = ANY(CAST(:keys AS bigint[]))
        """
    ),
    "transaction": text(
        """
        SELECT CAST(told.id AS text) AS key, told.kind || ' ' || told.reference AS about,
            told.outcome AS state, substr(account.name, 7) AS agent_id, told.created_at AS at,
            told.credits, NULL AS price_cents
        FROM ledger_transaction AS told
        LEFT JOIN account ON account.id = told.account_id AND account.class_name = 'agent'
        WHERE told.id = ANY(CAST(:keys AS bigint[]))
        """
    ),
    "hold": text(
        """
        SELECT hold.id AS key, 'job ' || hold.job AS about, CAST(hold.state AS text) AS state,
            substr(account.name, 7) AS agent_id, told.created_at AS at, hold.credits, NULL AS price_cents
        FROM hold
        JOIN account ON account.id = hold.account_id
        JOIN ledger_transaction AS told ON told.id = hold.placed_in
        WHERE hold.id = ANY(:keys)
        """
    ),
    "message": text(
        """
        SELECT event_id AS key, type AS about, NULL AS state, agent_id, occurred_at AS at,
            NULL AS credits, NULL AS price_cents
        FROM webhook_event WHERE event_id = ANY(:keys)
        """
    ),
    "service": text(
        """
        SELECT id AS key, name || ', ' || array_to_string(scopes, ', ') AS about,
            CASE WHEN revoked_at IS NOT NULL THEN 'revoked' ELSE 'given' END AS state, NULL AS agent_id,
            created_at AS at, NULL AS credits, NULL AS price_cents
        FROM service_token WHERE id = ANY(:keys)
        """
    ),
}


def described(session: Session, hits: Sequence[Hit]) -> tuple[Found, ...]:
    """The hits with what they are, in order of kinds."""
    told: list[Found] = []
    for kind, statement in _DESCRIBED.items():
        of_kind = [hit for hit in hits if hit.kind == kind]
        if not of_kind:
            continue
        rows = session.connection().execute(statement, {"keys": [hit.key for hit in of_kind]}).all()
        by_key = {row.key: row for row in rows}
        told += [_found(hit, by_key.get(hit.key)) for hit in of_kind]
    return tuple(told)


def _found(hit: Hit, row: Row[Any] | None) -> Found:
    if row is None:
        # An account without anybody who signed up: the book is older than its doors.
        return Found(hit.kind, hit.key, hit.why, "", None, hit.key if hit.kind == "agent" else None, None)
    about = str(row.about or "")
    if row.credits is not None:
        about = f"{row.credits} credits{_price(row.price_cents)}, {about}"
    return Found(hit.kind, hit.key, hit.why, about, row.state, row.agent_id, row.at)


def _price(cents: int | None) -> str:
    return f" for ${Amount(cents, USD).decimal()}" if cents is not None else ""
