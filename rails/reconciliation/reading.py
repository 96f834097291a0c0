"""Reading the processor's books: window after window, each kept whole or not at all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select, text

from ledger.database import Sessions
from rails.models import PaymentAttempt
from rails.processor import Books, Movement, Payout
from rails.reconciliation.models import KeptMovement, KeptPayout, PayoutPart, ReadUntil
from rails.reconciliation.settings import ReconciliationSettings

PAYMENTS: Final = frozenset({"charge", "payment"})
"""The types of what a payer has paid."""

_DAY: Final = timedelta(days=1)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)

Progress = Callable[[str, int, int], None]
"""Told what is done next, how much of it is done, and of how much."""


def silently(_what: str, _done: int, _of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one reading added, and until when the books are known now."""

    kept: int
    read_until: datetime


def read(
    sessions: Sessions,
    books: Books,
    *,
    settings: ReconciliationSettings,
    now: datetime,
    progress: Progress = silently,
) -> Read:
    """Read what is new in the books, and the last days again. Repeating it keeps nothing twice.

    A window counts as read when its last page is kept, all in one transaction: what breaks off in the
    middle leaves nothing behind, and the next reading begins there again.

    raises: RailUnreachable, RailRefused
    """
    with sessions() as session:
        since = _since(session, books.processor_id, overlap=settings.overlap)
        first = session.exec(select(func.min(PaymentAttempt.created_at))).one()
    # Times of the processor are whole seconds, and the second of now is not over.
    until, kept = now.replace(microsecond=0) + timedelta(seconds=1), 0
    wanted = windows(since, until, crowded_from=first)
    for done, (begins_at, ends_at) in enumerate(wanted):
        progress(f"reading {begins_at:%Y-%m-%d}", done, len(wanted))
        movements = books.movements(begins_at=begins_at, ends_at=ends_at)
        taxes = _taxes(sessions, books, movements)
        with sessions() as session:
            kept += keep(session, movements, taxes=taxes, now=now)
            _advance(session, books.processor_id, read_until=ends_at, now=now)
    _read_payouts(sessions, books, since=now - timedelta(days=settings.payout_days), until=until, now=now)
    return Read(kept, until)


def windows(
    since: datetime | None, until: datetime, *, crowded_from: datetime | None
) -> list[tuple[datetime, datetime]]:
    """The pieces of a time to read, closed-open, none longer than a day after we had customers.

    Whatever was in the books before is one piece.
    """
    begins = since or _FIRST
    busy = max(begins, min(crowded_from or until, until))
    edges = [begins, *_days(busy, until), until]
    return [(one, other) for one, other in pairwise(edges) if one < other]


def _days(begins: datetime, ends: datetime) -> Iterator[datetime]:
    edge = begins
    while edge < ends:
        yield edge
        edge = (edge + _DAY).replace(hour=0, minute=0, second=0, microsecond=0)


def keep(session: Session, movements: Sequence[Movement], *, taxes: dict[str, int], now: datetime) -> int:
    """Keep movements that are not kept yet; how many those were."""
    rows = [
        {
            "id": each.movement_id,
            "type": each.type,
            "amount": each.amount,
            "fee": each.fee,
            "net": each.net,
            "currency": each.currency,
            "source": each.source,
            "charge": each.charge,
            "payment_intent": each.payment_intent,
            "payment_attempt_id": each.payment_attempt_id,
            "tax": taxes.get(each.movement_id, 0),
            "transaction_hash": each.transaction_hash,
            "created_at": each.created_at,
            "available_on": each.available_on,
            "kept_at": now,
        }
        for each in movements
    ]
    if not rows:
        return 0
    statement = insert(KeptMovement).on_conflict_do_nothing().returning(col(KeptMovement.id))
    return len(session.execute(statement, rows).all())


def _since(session: Session, source: str, *, overlap: timedelta) -> datetime | None:
    cursor = session.get(ReadUntil, source)
    return cursor.read_until - overlap if cursor is not None else None


def _advance(session: Session, source: str, *, read_until: datetime, now: datetime) -> None:
    row = insert(ReadUntil).values(source=source, read_until=read_until, read_at=now)
    # Another reading may have come further, and an overlap ends before we had come.
    further = func.greatest(col(ReadUntil.read_until), row.excluded.read_until)
    session.execute(
        row.on_conflict_do_update(index_elements=["source"], set_={"read_until": further, "read_at": now})
    )


# What a page took beside the price is sales tax; where we have granted, our own evidence tells it.
_TAXED: Final = text(
    """
    SELECT wanted.movement_id, coalesce(said.tax, said.total - receipt.received_cents)::bigint AS tax
    FROM unnest(CAST(:movements AS text[]), CAST(:attempts AS text[])) AS wanted (movement_id, attempt_id)
    JOIN payment_attempt AS attempt
        ON attempt.payment_attempt_id = wanted.attempt_id AND attempt.deposit_address IS NULL
    LEFT JOIN receipt USING (payment_attempt_id)
    LEFT JOIN LATERAL (
        SELECT
            (evidence.detail ->> 'tax_cents')::bigint AS tax,
            (evidence.detail ->> 'amount_total_cents')::bigint AS total
        FROM evidence
        WHERE evidence.payment_attempt_id = attempt.payment_attempt_id
            AND evidence.external_id = attempt.reference
    ) AS said ON true
    WHERE NOT EXISTS (SELECT FROM stripe_balance_transaction AS kept WHERE kept.id = wanted.movement_id)
    """
)


def _taxes(sessions: Sessions, books: Books, movements: Sequence[Movement]) -> dict[str, int]:
    """What of each new charge is tax, by the movement's id. Asks the processor where we cannot know."""
    charges = {
        each.movement_id: each
        for each in movements
        if each.type in PAYMENTS
        and each.payment_attempt_id
        and each.payment_intent
        and each.currency == "usd"
    }
    named = {
        "movements": list(charges),
        "attempts": [each.payment_attempt_id for each in charges.values()],
    }
    with sessions() as session:
        known = {row.movement_id: row.tax for row in session.connection().execute(_TAXED, named)}
    return {
        movement_id: min(
            tax
            if tax is not None and tax >= 0
            else books.tax_of(str(charges[movement_id].payment_intent)).units,
            charges[movement_id].amount,
        )
        for movement_id, tax in known.items()
    }


def _read_payouts(
    sessions: Sessions, books: Books, *, since: datetime, until: datetime, now: datetime
) -> None:
    found = books.payouts(begins_at=since, ends_at=until)
    with sessions() as session:
        for each in found:
            _keep_payout(session, each, now=now)
        read = set(
            session.exec(
                select(PayoutPart.payout_id).where(
                    col(PayoutPart.payout_id).in_([each.payout_id for each in found])
                )
            )
        )
    for payout in found:
        # Not only those that are new: somebody may have kept it and got no further.
        if payout.automatic and payout.reconciled == "completed" and payout.payout_id not in read:
            parts = books.parts_of(payout.payout_id)
            with sessions() as session:
                _keep_parts(session, payout.payout_id, parts)


def _keep_payout(session: Session, payout: Payout, *, now: datetime) -> None:
    """Keep the state of a payout, once."""
    row = insert(KeptPayout).values(
        payout_id=payout.payout_id,
        state=payout.state,
        reconciled=payout.reconciled,
        amount=payout.amount,
        currency=payout.currency,
        automatic=payout.automatic,
        balance_transaction=payout.movement_id,
        failure_balance_transaction=payout.failure_movement_id,
        created_at=payout.created_at,
        arrives_at=payout.arrives_at,
        seen_at=now,
    )
    session.execute(row.on_conflict_do_nothing())


def _keep_parts(session: Session, payout_id: str, parts: Sequence[str]) -> None:
    known = session.exec(select(KeptMovement.id).where(col(KeptMovement.id).in_(parts))).all()
    rows = [{"balance_transaction_id": each, "payout_id": payout_id} for each in known]
    if rows:
        session.execute(insert(PayoutPart).on_conflict_do_nothing(), rows)
