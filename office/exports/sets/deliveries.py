"""Outgoing webhooks: every event for every endpoint, and what came of the newest try."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

# What comes after a question mark in a URL may be a secret of theirs.
_QUERY: Final = """
    SELECT
        delivery.event_id, event.type, event.subject, event.agent_id, event.occurred_at, delivery.endpoint_id,
        split_part(endpoint.url, '?', 1), delivery.state, CAST(delivery.tries AS bigint), delivery.try_at,
        delivery.delivered_at, delivery.created_at, newest.started_at, CAST(newest.duration_ms AS bigint),
        CAST(newest.status AS bigint), newest.error
    FROM webhook_delivery AS delivery
    JOIN webhook_event AS event ON event.event_id = delivery.event_id
    JOIN webhook_endpoint AS endpoint ON endpoint.endpoint_id = delivery.endpoint_id
    LEFT JOIN LATERAL (
        SELECT tried.*
        FROM webhook_attempt AS tried
        WHERE tried.endpoint_id = delivery.endpoint_id
            AND tried.event_id = delivery.event_id
        ORDER BY tried.attempt_id DESC
        LIMIT 1
    ) AS newest ON true
    WHERE delivery.created_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND delivery.created_at < :ends_at
        AND (CAST(:agent AS text) IS NULL OR event.agent_id = CAST(:agent AS text))
    ORDER BY delivery.endpoint_id, delivery.event_id
"""

DELIVERIES: Final = of_query(
    "deliveries",
    "Deliveries of outgoing webhooks",
    (
        Column("event_id"),
        Column("type"),
        Column("subject"),
        Column("agent_id"),
        Column("occurred_at", "time"),
        Column("endpoint_id"),
        Column("endpoint_url"),
        Column("state"),
        Column("tries", "integer"),
        Column("try_at", "time"),
        Column("delivered_at", "time"),
        Column("created_at", "time"),
        Column("last_tried_at", "time"),
        Column("last_try_milliseconds", "integer"),
        Column("last_status", "integer"),
        Column("last_error"),
    ),
    _QUERY,
    of_agents=True,
)
