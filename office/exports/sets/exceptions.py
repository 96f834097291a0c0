"""Exceptions: money that was not as it was asked for, and what was decided about it."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        item.exception_id, item.payment_attempt_id, attempt.agent_id, attempt.rail_id, item.subject,
        item.kind, item.detail, item.asset, CAST(item.expected_units AS text),
        CAST(item.received_units AS text),
        CAST(item.final_units AS text), item.late, item.opened_at, item.wait_until, item.closed_at,
        item.closed_by, item.resolution,
        decided.action, decided.actor, decided.reason, decided.cents, decided.ledger_transaction_id
    FROM payment_exception AS item
    LEFT JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = item.payment_attempt_id
    LEFT JOIN LATERAL (
        SELECT told.*
        FROM exception_action AS told
        WHERE told.exception_id = item.exception_id
            AND told.action NOT IN ('wait', 'claim')
        ORDER BY told.action_id DESC
        LIMIT 1
    ) AS decided ON true
    WHERE item.opened_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND item.opened_at < :ends_at
        AND (CAST(:agent AS text) IS NULL OR attempt.agent_id = CAST(:agent AS text))
    ORDER BY item.exception_id
"""

EXCEPTIONS: Final = of_query(
    "exceptions",
    "Exceptions, and what was decided",
    (
        Column("exception_id", "integer"),
        Column("payment_attempt_id"),
        Column("agent_id"),
        Column("rail_id"),
        Column("subject"),
        Column("kind"),
        Column("detail"),
        Column("asset"),
        Column("expected_units", "units"),
        Column("received_units", "units"),
        Column("final_units", "units"),
        Column("late", "flag"),
        Column("opened_at", "time"),
        Column("wait_until", "time"),
        Column("closed_at", "time"),
        Column("closed_by"),
        Column("resolution"),
        Column("decision"),
        Column("decided_by"),
        Column("decision_reason"),
        Column("decided_cents", "integer"),
        Column("ledger_transaction_id", "integer"),
    ),
    _QUERY,
    of_agents=True,
)
