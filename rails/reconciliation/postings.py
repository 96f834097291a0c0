"""Reading the book: every entry of a clearing account, in order, and whose money it is."""

from datetime import datetime
from typing import Final

from sqlmodel import Session, text

# Along one row of an account no number is left out, and a smaller one never appears after a greater one.
_GATHER: Final = text(
    """
    INSERT INTO reconciliation_posting (
        account_id, shard, seq, ledger_transaction_id, rail_id, part, payment_attempt_id, cents, effective_at,
        kept_at
    )
    SELECT
        entry.account_id,
        entry.shard,
        entry.seq,
        told.id,
        split_part(account.name, ':', 2),
        CASE
            WHEN told.reference LIKE 'stripe:%' THEN 'settled'
            WHEN told.kind = 'refund' THEN 'taken'
            WHEN told.kind = 'reinstate' THEN 'restored'
            ELSE 'granted'
        END,
        attempt.payment_attempt_id,
        -entry.amount,
        told.effective_at,
        :now
    FROM account
    JOIN balance ON balance.account_id = account.id
    CROSS JOIN LATERAL (
        SELECT coalesce(max(posting.seq), 0) AS seq
        FROM reconciliation_posting AS posting
        WHERE posting.account_id = balance.account_id AND posting.shard = balance.shard
    ) AS known
    JOIN entry
        ON entry.account_id = balance.account_id AND entry.shard = balance.shard AND entry.seq > known.seq
    JOIN ledger_transaction AS told ON told.id = entry.transaction_id
    LEFT JOIN reversal
        ON reversal.transaction_id = CASE
            WHEN told.kind = 'refund' THEN told.id
            WHEN told.kind = 'reinstate' THEN told.reverses
        END
    LEFT JOIN lot ON lot.id = reversal.lot_id
    LEFT JOIN ledger_transaction AS grantor ON grantor.id = lot.granted_in
    LEFT JOIN payment_attempt AS attempt
        ON attempt.payment_attempt_id = coalesce(
            grantor.metadata ->> 'payment_attempt_id', told.metadata ->> 'payment_attempt_id'
        )
    WHERE account.class_name = 'clearing'
    ON CONFLICT DO NOTHING
    """
)


def gather(session: Session, *, now: datetime) -> int:
    """Read on in every clearing account; how many entries were new."""
    return session.connection().execute(_GATHER, {"now": now}).rowcount
