"""Reversals: refunds, disputes and fraud warnings, those the house asked for and those that came."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        coalesce(told.reference, asked.reference), asked.refund_id, attempt.payment_attempt_id,
        attempt.agent_id, attempt.rail_id, coalesce(told.cause, 'refund'), coalesce(told.state, asked.state),
        told.cents, told.booked_cents, told.refused_cents, told.first_seen_at, told.changed_at, asked.cents,
        asked.requested_by, asked.requested_at, asked.reason, asked.answered_at, asked.failure
    FROM payment_reversal AS told
    FULL JOIN refund_request AS asked ON asked.reference = told.reference
    JOIN payment_attempt AS attempt
        ON attempt.payment_attempt_id = coalesce(told.payment_attempt_id, asked.payment_attempt_id)
    WHERE coalesce(told.first_seen_at, asked.requested_at)
            >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND coalesce(told.first_seen_at, asked.requested_at) < :ends_at
        AND (CAST(:agent AS text) IS NULL OR attempt.agent_id = CAST(:agent AS text))
    ORDER BY coalesce(told.first_seen_at, asked.requested_at), told.reference, asked.refund_id
"""

REVERSALS: Final = of_query(
    "reversals",
    "Refunds, disputes and fraud warnings",
    (
        Column("reference"),
        Column("refund_id"),
        Column("payment_attempt_id"),
        Column("agent_id"),
        Column("rail_id"),
        Column("cause"),
        Column("state"),
        Column("moved_cents", "integer"),
        Column("booked_cents", "integer"),
        Column("refused_cents", "integer"),
        Column("first_seen_at", "time"),
        Column("changed_at", "time"),
        Column("requested_cents", "integer"),
        Column("requested_by"),
        Column("requested_at", "time"),
        Column("request_reason"),
        Column("answered_at", "time"),
        Column("failure"),
    ),
    _QUERY,
    of_agents=True,
)
