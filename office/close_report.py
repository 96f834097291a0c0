"""The report of a month: what the book says of it, and what outside witnesses said, kept as they said it.

Both halves are one JSON of words and whole numbers, whose canonical form has one hash: the control hash. The
book's half can be worked out again at any time, and must give the same hash.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import Session, select, text

from ledger import periods
from ledger.models import PeriodClose
from ledger.periods import Month, MonthBook
from ledger.reports import Flow

Report = dict[str, Any]
VERSION: Final = "pennyrail close 1"


def of(session: Session, month: Month, *, witnesses: Mapping[str, Any] | None = None) -> Report:
    """The report of `month`; with `witnesses` of an earlier one, what they said then is not asked again.

    It reads the whole book, and must see one state of it: `periods.one_state`.
    """
    book = periods.read(session, month)
    return {
        "version": VERSION,
        "month": str(month),
        "previous": _previous(session, month),
        "book": _book(book),
        "witnesses": dict(witnesses) if witnesses is not None else _witnesses(session, month),
    }


def control_hash(report: Report) -> bytes:
    """The hash of a report: keys in order, no blanks, ASCII."""
    return hashlib.sha256(canonical(report).encode()).digest()


def canonical(report: Report) -> str:
    """The one way to write a report down."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _book(book: MonthBook) -> dict[str, Any]:
    agents, owed = book.of("agents", asset="CREDIT"), book.of("prepaid_liability")
    return {
        "roll_forward": {
            "opening": _flow(Flow(agents.opening, owed.opening)),
            "movements": [
                {"what": each.what, "source": each.source, **_flow(each.flow)} for each in book.movements
            ],
            "closing": _flow(Flow(agents.closing, owed.closing)),
        },
        "accounts": [
            {
                "account": line.account,
                "asset": line.closing.asset.code,
                "opening": line.opening.units,
                "change": line.change.units,
                "closing": line.closing.units,
            }
            for line in book.accounts
        ],
        "transactions": book.transactions,
        "unsealed": book.unsealed,
        "leaves": book.leaves,
        "seal": {"number": book.seal, "hash": book.head},
        "contradictions": list(book.contradictions()),
    }


def _flow(flow: Flow) -> dict[str, int]:
    return {"credits": flow.credits.units, "cents": flow.cents.units}


def _previous(session: Session, month: Month) -> str:
    query = select(PeriodClose.control_hash).where(PeriodClose.month == month.previous.first)
    found = session.exec(query).one_or_none()
    return found.hex() if found is not None else ""


# The processor's own words, of the movements that were kept; only those in dollars are in the book.
_PROCESSOR: Final = text(
    """
    SELECT
        coalesce(sum(kept.net) FILTER (WHERE kept.currency = 'usd'), 0)::bigint AS balance_cents,
        -coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'payout'), 0)::bigint AS paid_out_cents,
        count(*) FILTER (WHERE booking.balance_transaction_id IS NULL) AS not_booked
    FROM stripe_balance_transaction AS kept
    LEFT JOIN stripe_booking AS booking ON booking.balance_transaction_id = kept.id
    WHERE kept.created_at < :ends_at
    """
)
_MOVED: Final = text(
    """
    SELECT type, currency, count(*) AS count, sum(amount)::bigint AS amount, sum(fee)::bigint AS fee,
        sum(net)::bigint AS net
    FROM stripe_balance_transaction
    WHERE created_at >= :begins_at AND created_at < :ends_at
    GROUP BY type, currency
    ORDER BY type, currency
    """
)
_CHAIN: Final = text(
    """
    SELECT
        count(*) FILTER (WHERE block_time >= :begins_at) AS deposits,
        coalesce(sum(amount) FILTER (WHERE block_time >= :begins_at), 0) AS units,
        coalesce(sum(amount), 0) AS units_ever
    FROM deposit
    WHERE state = 'final' AND block_time < :ends_at
    """
)
_RUN: Final = text(
    """
    SELECT run_id, started_at, read_until, processor_cents, book_cents, breaks
    FROM reconciliation_run
    ORDER BY run_id DESC
    LIMIT 1
    """
)


def _witnesses(session: Session, month: Month) -> dict[str, Any]:
    connection = session.connection()
    ends = {"begins_at": month.begins_at, "ends_at": month.ends_at}
    told = connection.execute(_PROCESSOR, {"ends_at": month.ends_at}).one()
    chain = connection.execute(_CHAIN, ends).one()
    run = connection.execute(_RUN).one_or_none()
    return {
        "stripe": {
            "balance_cents": told.balance_cents,
            "paid_out_cents": told.paid_out_cents,
            "not_booked": told.not_booked,
            "moved": [dict(row) for row in connection.execute(_MOVED, ends).mappings()],
        },
        # Millionths of a dollar, as the token counts: more than JSON's numbers can hold.
        "chain": {
            "deposits": chain.deposits,
            "usdc_units": str(chain.units),
            "usdc_units_ever": str(chain.units_ever),
        },
        "reconciled": None
        if run is None
        else {
            "run": run.run_id,
            "started_at": run.started_at.isoformat(),
            "read_until": run.read_until.isoformat(),
            "stripe_cents": run.processor_cents,
            "book_cents": run.book_cents,
            "breaks": run.breaks,
        },
    }
