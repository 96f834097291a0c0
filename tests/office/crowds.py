"""Many rows of what the queues are read from, written by SQL alone."""

from typing import Final

from sqlalchemy import Engine, text

_STATEMENTS: Final = (
    """
    INSERT INTO quote (quote_id, agent_id, idempotency_key, credits, rail_id, price_cents, live_money,
        created_at, expires_at)
    SELECT 'quote_' || n, 'agt_' || n % 1000, 'key_' || n, 500, 'fake_deposit', 500, false,
        timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-02' + n * interval '1 second'
    FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO payment_attempt (payment_attempt_id, quote_id, agent_id, rail_id, reference, state,
        created_at, expires_at)
    SELECT 'payatt_' || quote_id, quote_id, agent_id, rail_id, 'pi_' || quote_id, 'expired',
        created_at, expires_at
    FROM quote
    """,
    # One in twenty is an exception, and one in forty of those is open.
    """
    INSERT INTO payment_exception (payment_attempt_id, kind, asset, expected_units, received_units, opened_at,
        closed_at, closed_by, resolution)
    SELECT payment_attempt_id, (ARRAY['underpaid', 'overpaid', 'late'])[1 + place % 3], 'USDC', 5000000,
        4990000, created_at, CASE WHEN place % 40 > 0 THEN created_at END,
        CASE WHEN place % 40 > 0 THEN 'house' END,
        CASE WHEN place % 40 > 0 THEN 'the difference is gone' END
    FROM (
        SELECT *, row_number() OVER (ORDER BY created_at) AS place
        FROM payment_attempt
        WHERE hashtext(payment_attempt_id) % 20 = 0
    ) AS some_of_them
    """,
    """
    INSERT INTO notice (source, external_id, kind, refs, body, state, reason, received_at, attempts, try_at,
        handled_at)
    SELECT 'stripe', 'evt_' || n, 'kind.' || n % 25, '["pi_quote_1"]', '{}',
        CASE WHEN n % 10000 = 1 THEN 'dead' WHEN n % 10000 = 2 THEN 'waiting' ELSE 'handled' END,
        CASE WHEN n % 10000 IN (1, 2) THEN 'ZeroDivisionError' END,
        timestamptz '2026-01-01' + n * interval '1 second', 1,
        CASE WHEN n % 10000 = 2 THEN now() END, now()
    FROM generate_series(1, :many) AS n
    """,
    """
    INSERT INTO webhook_endpoint (endpoint_id, url, event_types, state, created_at)
    SELECT 'ep_' || n, 'https://example.com/' || n, ARRAY['credits.granted'], 'enabled', now()
    FROM generate_series(1, 5) AS n
    """,
    """
    INSERT INTO webhook_event (event_id, type, subject, body, occurred_at, created_at)
    SELECT 'msg_' || md5(CAST(n AS text)), 'credits.granted', 'event_' || n, '{}',
        timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-01' + n * interval '1 second'
    FROM generate_series(1, :many / 5) AS n
    """,
    """
    INSERT INTO webhook_delivery (endpoint_id, event_id, state, tries, try_at, delivered_at, created_at)
    SELECT endpoint_id, event_id,
        CASE hashtext(event_id || endpoint_id) % 5000 WHEN 0 THEN 'failed' WHEN 1 THEN 'pending'
            ELSE 'delivered' END, 1,
        CASE hashtext(event_id || endpoint_id) % 5000 WHEN 1 THEN now() END, now(), event.created_at
    FROM webhook_event AS event
    CROSS JOIN webhook_endpoint
    """,
    """
    INSERT INTO webhook_attempt (endpoint_id, event_id, started_at, duration_ms, status)
    SELECT endpoint_id, event_id, created_at, 5, 204
    FROM webhook_delivery
    """,
    """
    INSERT INTO assignment (about_kind, about_id, turn, owner, assigned_by, assigned_at)
    SELECT 'exception', CAST(exception_id AS text), 1, 'operator:' || exception_id % 20 || '@example.com',
        'ann', now()
    FROM payment_exception
    WHERE exception_id % 7 = 0
    """,
    """
    INSERT INTO note (about_kind, about_id, said, author, written_at)
    SELECT 'exception', CAST(exception_id AS text), 'a note', 'ann', now()
    FROM payment_exception
    """,
)


def crowded(engine: Engine, *, many: int) -> None:
    """Have so many purchases and notices, and as many deliveries, nearly all of them over."""
    with engine.begin() as connection:
        for statement in _STATEMENTS:
            connection.execute(text(statement), {"many": many})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")
