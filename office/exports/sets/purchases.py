"""Purchases: a row for each payment that was opened, with what it cost, what came and what was granted."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        attempt.payment_attempt_id, attempt.quote_id, attempt.agent_id, agent.agent_name, attempt.rail_id,
        attempt.reference, attempt.state, attempt.reason, quote.live_money, quote.credits, quote.price_cents,
        attempt.created_at, attempt.expires_at, receipt.receipt_id, receipt.received_cents, receipt.credits,
        receipt.created_at, receipt.ledger_transaction_id,
        (
            SELECT CAST(coalesce(sum(reversed.booked_cents), 0) AS bigint)
            FROM payment_reversal AS reversed
            WHERE reversed.payment_attempt_id = attempt.payment_attempt_id
        )
    FROM payment_attempt AS attempt
    JOIN quote ON quote.quote_id = attempt.quote_id
    LEFT JOIN agent ON agent.agent_id = attempt.agent_id
    LEFT JOIN receipt ON receipt.payment_attempt_id = attempt.payment_attempt_id
    WHERE attempt.created_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND attempt.created_at < :ends_at
        AND (CAST(:agent AS text) IS NULL OR attempt.agent_id = CAST(:agent AS text))
    ORDER BY attempt.payment_attempt_id
"""

PURCHASES: Final = of_query(
    "purchases",
    "Purchases",
    (
        Column("payment_attempt_id"),
        Column("quote_id"),
        Column("agent_id"),
        Column("agent_name"),
        Column("rail_id"),
        Column("processor_reference"),
        Column("state"),
        Column("reason"),
        Column("live_money", "flag"),
        Column("quoted_credits", "integer"),
        Column("price_cents", "integer"),
        Column("opened_at", "time"),
        Column("expires_at", "time"),
        Column("receipt_id"),
        Column("received_cents", "integer"),
        Column("granted_credits", "integer"),
        Column("granted_at", "time"),
        Column("ledger_transaction_id", "integer"),
        Column("reversed_cents", "integer"),
    ),
    _QUERY,
    of_agents=True,
)
