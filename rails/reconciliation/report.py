"""What one day looks like from each side: the chain, the processor, and the book."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlmodel import Session, col, select, text

from ledger.money import ASSETS, USD, USDC, Amount
from rails.reconciliation.matching import NO_BREAK
from rails.reconciliation.models import Item


@dataclass(frozen=True, slots=True)
class Totals:
    """What came and went on a day, by each witness."""

    deposits: int
    deposited: Amount
    gross: Amount
    tax: Amount
    fee: Amount
    net: Amount
    returned: Amount
    granted: Amount
    taken_back: Amount


@dataclass(frozen=True, slots=True)
class Line:
    """The movements of one type on a day."""

    type: str
    currency: str
    count: int
    amount: int
    fee: int
    net: int


@dataclass(frozen=True, slots=True)
class AccountDay:
    """An account at both ends of a day; positive is what we have, or are owed."""

    account: str
    opening: Amount
    closing: Amount


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """A payout that was made on a day, as it was last seen."""

    payout_id: str
    state: str
    amount: Amount
    automatic: bool
    arrives_at: datetime
    movements: int


@dataclass(frozen=True, slots=True)
class ItemLine:
    """An item, and for how long it is open."""

    item_id: int
    subject: str
    matter: str
    state: str
    expected: Amount
    found: Amount
    day: date
    opened_at: datetime
    age: timedelta


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of UTC, closed-open. `states` counts the day's items; `breaks` are open whatever their day."""

    day: date
    totals: Totals
    movements: tuple[Line, ...]
    accounts: tuple[AccountDay, ...]
    payouts: tuple[PayoutLine, ...]
    states: tuple[tuple[str, int], ...]
    breaks: tuple[ItemLine, ...]


def of_day(session: Session, day: date, *, now: datetime) -> DayReport:
    """The day, of what is booked by now."""
    begins_at = datetime.combine(day, time(), UTC)
    ends = {"begins_at": begins_at, "ends_at": begins_at + timedelta(days=1)}
    connection = session.connection()
    return DayReport(
        day=day,
        totals=totals(session, **ends),
        movements=moved(session, **ends),
        accounts=tuple(
            AccountDay(row.name, Amount(row.opening, USD), Amount(row.closing, USD))
            for row in connection.execute(_ACCOUNTS, ends)
        ),
        payouts=tuple(
            PayoutLine(
                row.payout_id,
                row.state,
                Amount(row.amount, USD),
                row.automatic,
                row.arrives_at,
                row.movements,
            )
            for row in connection.execute(_PAYOUTS, ends)
        ),
        states=states(session, day),
        breaks=open_items(session, now=now),
    )


def open_items(session: Session, *, now: datetime, breaks_only: bool = True) -> tuple[ItemLine, ...]:
    """What is open, oldest first: breaks, and with them what is expected or waits for a decision."""
    query = select(Item).where(col(Item.closed_at).is_(None)).order_by(col(Item.opened_at), col(Item.item_id))
    if breaks_only:
        query = query.where(col(Item.state).not_in(NO_BREAK))
    return tuple(line(item, now=now) for item in session.exec(query))


def line(item: Item, *, now: datetime) -> ItemLine:
    """An item as a line; one that is closed has the age it came to."""
    assert item.item_id is not None
    asset = ASSETS[item.asset]
    return ItemLine(
        item_id=item.item_id,
        subject=item.subject,
        matter=item.matter,
        state=item.state,
        expected=Amount(int(item.expected_units), asset),
        found=Amount(int(item.found_units), asset),
        day=item.day,
        opened_at=item.opened_at,
        age=(item.closed_at or now) - item.opened_at,
    )


_LINES: Final = text(
    """
    SELECT type, currency, count(*), sum(amount)::bigint, sum(fee)::bigint, sum(net)::bigint
    FROM stripe_balance_transaction
    WHERE created_at >= :begins_at AND created_at < :ends_at
    GROUP BY type, currency
    ORDER BY type, currency
    """
)
_TOTALS: Final = text(
    """
    SELECT chain.*, stripe.*, book.*
    FROM (
        SELECT count(*) AS deposits, coalesce(sum(amount), 0) AS deposited
        FROM deposit
        WHERE state = 'final' AND amount > 0 AND block_time >= :begins_at AND block_time < :ends_at
    ) AS chain,
    (
        SELECT
            coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'payment'), 0)::bigint AS gross,
            coalesce(sum(kept.tax) FILTER (WHERE booking.part = 'payment'), 0)::bigint AS tax,
            (
                coalesce(sum(kept.fee), 0)
                - coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'fee'), 0)
            )::bigint AS fee,
            coalesce(sum(kept.net) FILTER (WHERE booking.part <> 'payout'), 0)::bigint AS net,
            -coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'reversal'), 0)::bigint AS returned
        FROM stripe_balance_transaction AS kept
        JOIN stripe_booking AS booking ON booking.balance_transaction_id = kept.id
        WHERE kept.currency = 'usd' AND kept.created_at >= :begins_at AND kept.created_at < :ends_at
    ) AS stripe,
    (
        SELECT
            coalesce(sum(cents) FILTER (WHERE part = 'granted'), 0)::bigint AS granted,
            -coalesce(sum(cents) FILTER (WHERE part IN ('taken', 'restored')), 0)::bigint AS taken_back
        FROM reconciliation_posting
        WHERE effective_at >= :begins_at AND effective_at < :ends_at
    ) AS book
    """
)
_ACCOUNTS: Final = text(
    """
    SELECT
        account.name,
        -coalesce(sum(entry.amount) FILTER (WHERE told.effective_at < :begins_at), 0)::bigint AS opening,
        -sum(entry.amount)::bigint AS closing
    FROM account
    JOIN entry ON entry.account_id = account.id
    JOIN ledger_transaction AS told ON told.id = entry.transaction_id
    WHERE account.class_name IN ('clearing', 'processor', 'bank', 'sales_tax')
        AND told.effective_at < :ends_at
    GROUP BY account.name
    ORDER BY account.name
    """
)
_PAYOUTS: Final = text(
    """
    SELECT *
    FROM (
        SELECT DISTINCT ON (payout_id)
            payout_id, state, amount, automatic, arrives_at,
            (
                SELECT count(*)
                FROM stripe_payout_part AS part
                WHERE part.payout_id = stripe_payout.payout_id
            ) AS movements
        FROM stripe_payout
        WHERE created_at >= :begins_at AND created_at < :ends_at AND currency = 'usd'
        ORDER BY payout_id, seen_at DESC, reconciled
    ) AS newest
    ORDER BY payout_id
    """
)
_STATES: Final = text(
    """
    SELECT state, count(*) AS items
    FROM (
        SELECT DISTINCT ON (subject, matter) state
        FROM reconciliation_item
        WHERE day = :day
        ORDER BY subject, matter, item_id DESC
    ) AS newest
    GROUP BY state
    ORDER BY state
    """
)


def states(session: Session, day: date) -> tuple[tuple[str, int], ...]:
    """How many of the day's items are in which state now."""
    rows = session.connection().execute(_STATES, {"day": day})
    return tuple((row.state, row.items) for row in rows)


def moved(session: Session, *, begins_at: datetime, ends_at: datetime) -> tuple[Line, ...]:
    """The processor's movements between two moments, by type."""
    rows = session.connection().execute(_LINES, {"begins_at": begins_at, "ends_at": ends_at})
    return tuple(Line(*row) for row in rows)


def totals(session: Session, *, begins_at: datetime, ends_at: datetime) -> Totals:
    """What came and went between two moments, by each witness."""
    row = session.connection().execute(_TOTALS, {"begins_at": begins_at, "ends_at": ends_at}).one()
    return Totals(
        deposits=row.deposits,
        deposited=Amount(int(row.deposited), USDC),
        gross=Amount(row.gross, USD),
        tax=Amount(row.tax, USD),
        fee=Amount(row.fee, USD),
        net=Amount(row.net, USD),
        returned=Amount(row.returned, USD),
        granted=Amount(row.granted, USD),
        taken_back=Amount(row.taken_back, USD),
    )
