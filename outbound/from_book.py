"""What the sealed transactions of the book mean to others: one event for each that concerns them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Row
from sqlmodel import Session, text

from outbound import payloads
from outbound.payloads import Payload

Told = tuple[str, Payload]
"""What an event is about, and what it says."""

# Whoever posts a dispute tells it under a key that begins so; the book itself knows refunds alone.
DISPUTE_KEYS: Final = "dispute:"
# What is read here never changes after the transaction was sealed. A lot's and a reversal's other columns do.
_TOLD: Final = text(
    """
    SELECT
        told.id, told.kind, told.credits, told.created_at, told.details,
        -- Booked in a later month if its own was closed: then the metadata say when it was.
        coalesce(CAST(told.metadata ->> 'happened_at' AS timestamptz), told.effective_at) AS happened_at,
        substr(account.name, 7) AS agent_id,
        coalesce(mine.balance_after, CAST(told.details ->> 'posted' AS bigint)) AS posted,
        coalesce(mine.held_after, CAST(told.details ->> 'held' AS bigint)) AS held,
        coalesce(mine.seq, CAST(told.details ->> 'version' AS bigint)) AS version,
        reversal.transaction_id AS reversal_id, reversal.cents AS reversed_cents, reversal.wanted,
        starts_with(reversing.reference, :dispute_keys) AS disputed,
        bought.promotional, bought.paid_cents, bought.effective_at AS begins_at,
        CASE WHEN isfinite(bought.expires_at) THEN bought.expires_at END AS lapses_at,
        receipt.receipt_id, receipt.payment_attempt_id, receipt.quote_id,
        hold.id AS hold_id, hold.job, hold.credits AS hold_credits, CAST(hold.state AS text) AS hold_state
    FROM seal_leaf AS leaf
    JOIN ledger_transaction AS told ON told.id = leaf.transaction_id
    JOIN account ON account.id = told.account_id
    LEFT JOIN entry AS mine
        ON mine.transaction_id = told.id AND mine.leg = 0 AND mine.account_id = told.account_id
    LEFT JOIN reversal
        ON reversal.transaction_id = CASE told.kind
            WHEN 'refund' THEN told.id
            WHEN 'reinstate' THEN told.reverses
        END
    LEFT JOIN ledger_transaction AS reversing ON reversing.id = reversal.transaction_id
    LEFT JOIN lot AS bought
        ON bought.id = CASE told.kind
            WHEN 'grant' THEN CAST(told.details ->> 'lot' AS bigint)
            ELSE reversal.lot_id
        END
    -- What a decision granted beside a purchase belongs to the receipt of that purchase.
    LEFT JOIN exception_action AS decided
        ON decided.ledger_transaction_id = bought.granted_in AND decided.action = 'credit'
    LEFT JOIN payment_exception AS item ON item.exception_id = decided.exception_id
    LEFT JOIN receipt AS own ON own.ledger_transaction_id = bought.granted_in
    LEFT JOIN receipt
        ON receipt.payment_attempt_id = coalesce(own.payment_attempt_id, item.payment_attempt_id)
    LEFT JOIN hold ON told.kind = 'hold_expiry' AND hold.id = told.details ->> 'hold'
    WHERE leaf.seal = :seal
        AND told.outcome = 'done'
        AND told.kind IN ('grant', 'refund', 'reinstate', 'hold_expiry')
    ORDER BY leaf.place
    """
)


def in_seal(session: Session, *, seal: int) -> list[Told]:
    """What others are told of the transactions of one seal, in their order."""
    found = session.connection().execute(_TOLD, {"seal": seal, "dispute_keys": DISPUTE_KEYS})
    return [(str(row.id), _EVENTS[row.kind](row)) for row in found]


def _grant(row: Row[Any]) -> Payload:
    return payloads.CreditsGranted(
        timestamp=row.created_at,
        data=payloads.Granted(
            **_common(row),
            cents=row.paid_cents,
            promotional=row.promotional,
            purchase=_purchase(row),
            effective_at=row.begins_at,
            expires_at=row.lapses_at,
        ),
    )


def _refund(row: Row[Any]) -> Payload:
    event = payloads.CreditsDisputed if row.disputed else payloads.CreditsRefunded
    return event(
        timestamp=row.created_at,
        data=payloads.TakenBack(
            **_common(row),
            cents=row.reversed_cents,
            credits_wanted=row.wanted,
            receivable_cents=row.details["receivable_cents"],
            purchase=_purchase(row),
        ),
    )


def _reinstate(row: Row[Any]) -> Payload:
    return payloads.CreditsReinstated(
        timestamp=row.created_at,
        data=payloads.Reinstated(
            **_common(row),
            cents=row.reversed_cents,
            reverses="dispute" if row.disputed else "refund",
            reversed_transaction_id=row.reversal_id,
            purchase=_purchase(row),
        ),
    )


def _hold_expiry(row: Row[Any]) -> Payload:
    return payloads.HoldExpiredEvent(
        timestamp=row.created_at,
        data=payloads.HoldExpired(
            **_common(row) | {"credits": row.hold_credits},
            hold_id=row.hold_id,
            job_id=row.job,
            outcome="charged" if row.hold_state == "charged" else "released",
            expired_at=row.happened_at,
        ),
    )


_EVENTS: Final[Mapping[str, Callable[[Row[Any]], Payload]]] = {
    "grant": _grant,
    "refund": _refund,
    "reinstate": _reinstate,
    "hold_expiry": _hold_expiry,
}


def _common(row: Row[Any]) -> dict[str, Any]:
    balance = payloads.Balance(
        posted=row.posted, held=row.held, available=row.posted - row.held, version=row.version
    )
    return {
        "agent_id": row.agent_id,
        "transaction_id": row.id,
        "credits": row.credits,
        "balance": balance,
    }


def _purchase(row: Row[Any]) -> payloads.Purchase:
    return payloads.Purchase(
        receipt_id=row.receipt_id, payment_attempt_id=row.payment_attempt_id, quote_id=row.quote_id
    )
