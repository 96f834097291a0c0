"""The last question: is there a cent that the processor or the chain moved, and that nobody accounts for?

A cent is accounted for when it is in the book where it belongs, or in an open item or exception that says
what is wrong with it, or in one that a person has explained. Ask after a run.
"""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, text

from ledger.money import USD, Amount

# Each row is something that nobody accounts for, and how many cents of it.
_UNEXPLAINED: Final = text(
    """
    WITH owed AS (
        SELECT rail_id, payment_attempt_id, sum(cents) AS cents
        FROM (
            SELECT rail_id, payment_attempt_id, cents FROM reconciliation_posting WHERE part <> 'settled'
            UNION ALL
            SELECT rail_id, payment_attempt_id, -received_cents FROM stripe_booking WHERE rail_id IS NOT NULL
        ) AS moved
        GROUP BY rail_id, payment_attempt_id
    ), account_sum AS (
        SELECT account.name, account.class_name, -sum(balance.posted) AS cents
        FROM account
        JOIN balance ON balance.account_id = account.id
        GROUP BY account.id
    ), open_item AS (
        SELECT item.subject, item.matter, item.state, item.found_units
        FROM reconciliation_item AS item
        WHERE item.closed_at IS NULL
        UNION ALL
        -- What was explained is as it was before, unless something newer is told of it.
        SELECT item.subject, item.matter, was.state, item.found_units
        FROM reconciliation_item AS item
        CROSS JOIN LATERAL (
            SELECT told.state
            FROM reconciliation_item_state AS told
            WHERE told.item_id = item.item_id AND told.state <> 'explained'
            ORDER BY told.place DESC
            LIMIT 1
        ) AS was
        WHERE item.state = 'explained'
            AND NOT EXISTS (
                SELECT FROM reconciliation_item AS newer
                WHERE newer.subject = item.subject
                    AND newer.matter = item.matter
                    AND newer.item_id > item.item_id
            )
    ), carried AS (
        SELECT
            coalesce(attempt.payment_attempt_id, 'deposit:' || deposit.block_hash || ':' || deposit.log_index)
                AS subject,
            sum(deposit.amount) AS units
        FROM deposit
        LEFT JOIN evidence
            ON evidence.source = 'chain'
            AND evidence.external_id = deposit.block_hash || ':' || deposit.log_index
        LEFT JOIN payment_attempt AS attempt
            ON attempt.payment_attempt_id = evidence.payment_attempt_id
            OR (
                evidence.payment_attempt_id IS NULL
                AND attempt.deposit_address = deposit.address
                AND NOT coalesce((attempt.instructions ->> 'shared')::boolean, false)
            )
        WHERE deposit.state = 'final'
            AND deposit.token = coalesce(lower(attempt.instructions ->> 'token_contract'), deposit.token)
        GROUP BY 1
    )
    SELECT 'kept and not booked: ' || kept.id AS what, abs(kept.net) AS cents
    FROM stripe_balance_transaction AS kept
    LEFT JOIN stripe_booking AS booking ON booking.balance_transaction_id = kept.id
    WHERE booking.balance_transaction_id IS NULL
    UNION ALL
    SELECT 'what the processor told, beside its account', abs(told.cents - coalesce(stands.cents, 0))
    FROM (
        SELECT coalesce(sum(net), 0) AS cents
        FROM stripe_balance_transaction
        WHERE currency = 'usd'
    ) AS told
    LEFT JOIN account_sum AS stands ON stands.name = 'processor:stripe'
    UNION ALL
    SELECT 'the processor''s balance, beside its account', abs(run.processor_cents - run.book_cents)
    FROM (SELECT * FROM reconciliation_run ORDER BY run_id DESC LIMIT 1) AS run
    WHERE NOT EXISTS (SELECT FROM open_item WHERE matter = 'balance' AND subject = 'processor:stripe')
    UNION ALL
    SELECT stands.name || ', beside the payments behind it', abs(stands.cents - coalesce(behind.cents, 0))
    FROM account_sum AS stands
    LEFT JOIN (SELECT rail_id, sum(cents) AS cents FROM owed GROUP BY rail_id) AS behind
        ON 'clearing:' || behind.rail_id = stands.name
    WHERE stands.class_name = 'clearing'
    UNION ALL
    SELECT 'owed for ' || coalesce(owed.payment_attempt_id, 'no attempt'), abs(owed.cents)
    FROM owed
    WHERE owed.cents <> 0
        AND owed.payment_attempt_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM open_item WHERE open_item.subject = owed.payment_attempt_id)
    UNION ALL
    SELECT 'posted for no attempt: ' || posting.ledger_transaction_id, abs(posting.cents)
    FROM reconciliation_posting AS posting
    WHERE posting.payment_attempt_id IS NULL
        AND posting.part <> 'settled'
        AND NOT EXISTS (
            SELECT FROM open_item WHERE open_item.subject = 'ledger:' || posting.ledger_transaction_id
        )
    UNION ALL
    SELECT 'in suspense, beside the open items', abs(coalesce(stands.cents, 0) + told.cents)
    FROM (
        SELECT coalesce(sum(found_units), 0) AS cents
        FROM open_item
        WHERE matter = 'movement' AND state IN ('stripe_only', 'unknown')
    ) AS told
    LEFT JOIN account_sum AS stands ON stands.name = 'processor:suspense'
    UNION ALL
    SELECT
        'on the chain for ' || carried.subject,
        ceil(abs(carried.units - coalesce(latest.found_units, 0)) / 10000)
    FROM carried
    LEFT JOIN LATERAL (
        SELECT item.found_units
        FROM reconciliation_item AS item
        WHERE item.subject = carried.subject AND item.matter = 'chain'
        ORDER BY item.item_id DESC
        LIMIT 1
    ) AS latest ON true
    """
)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Money that nobody accounts for, and where it was looked for."""

    what: str
    amount: Amount


def unexplained(session: Session) -> tuple[Unexplained, ...]:
    """Everything that nobody accounts for."""
    rows = session.connection().execute(_UNEXPLAINED)
    return tuple(Unexplained(row.what, Amount(int(row.cents), USD)) for row in rows if row.cents)


def unexplained_cents(session: Session) -> Amount:
    """How much nobody accounts for, sums of both signs added up: zero, or something is lost."""
    return sum((each.amount for each in unexplained(session)), Amount(0, USD))
