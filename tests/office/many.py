"""A house with many purchases, written in bulk: rows as the story would have left them, a minute apart."""

from datetime import datetime
from typing import Final

import psycopg

_TABLES: Final = ("quote", "payment_attempt", "receipt", "ledger_transaction", "entry", "balance")
_FILL: Final = """
CREATE TEMPORARY TABLE sold AS
SELECT
    number, md5('p' || number) AS name, %(until)s::timestamptz - number * interval '1 minute' AS at,
    CASE number %% 2 WHEN 0 THEN 'fake_page' ELSE 'fake_deposit' END AS rail_id,
    CASE number %% 10 WHEN 9 THEN 'expired' ELSE 'succeeded' END AS state
FROM generate_series(1, %(many)s) AS number;
INSERT INTO quote
    (quote_id, agent_id, idempotency_key, credits, rail_id, price_cents, live_money, created_at, expires_at)
SELECT 'quote_' || name, 'agt_' || number %% 1000, name, 500, rail_id, 500, false, at, at + interval '1 hour'
FROM sold;
INSERT INTO payment_attempt
    (payment_attempt_id, quote_id, agent_id, rail_id, reference, state, instructions, created_at, expires_at)
SELECT 'payatt_' || name, 'quote_' || name, 'agt_' || number %% 1000, rail_id, 'ref_' || name, state,
    '{}', at, at + interval '1 hour'
FROM sold;
INSERT INTO receipt
    (receipt_id, payment_attempt_id, quote_id, agent_id, credit_event_id, ledger_transaction_id, credits,
    received_cents, balance_after, created_at)
SELECT 'rcpt_' || name, 'payatt_' || name, 'quote_' || name, 'agt_' || number %% 1000, 'evt_' || name, number,
    500, 500, 500, at + interval '20 seconds'
FROM sold WHERE state = 'succeeded';
INSERT INTO ledger_transaction
    (id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, hash, xid)
OVERRIDING SYSTEM VALUE
SELECT number, name, '', 'grant', NULL, 500, at, at, 'tests', '', '3'::xid8
FROM sold;
INSERT INTO entry
    (transaction_id, leg, account_id, shard, asset, amount, seq, balance_after, hash, created_at)
SELECT number, 0, -number, 0, 'CREDIT', 500, 1, 500, '', at FROM sold;
INSERT INTO balance (account_id, shard, posted, seq, last_at)
SELECT -number, 0, 500, 1, at FROM sold;
INSERT INTO seal (number, leaves, root, previous, hash, horizon, sealed_at)
SELECT (number - 1) / 5000 + 1, count(*), '', '', '', '4'::xid8, max(at) FROM sold GROUP BY 1;
INSERT INTO seal_leaf (seal, place, transaction_id, xid, hash)
SELECT (number - 1) / 5000 + 1, (number - 1) %% 5000, number, '3'::xid8, '' FROM sold;
INSERT INTO notice (source, external_id, kind, refs, body, state, received_at, handled_at)
SELECT 'stripe', 'evt_' || name, 'x', '[]', '', 'handled', at, at FROM sold;
DROP TABLE sold;
ANALYZE;
"""


def fill(database_url: str, *, many: int, until: datetime) -> None:
    """Write so many purchases, a minute apart, the newest a minute before `until`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in (*_TABLES, "seal", "seal_leaf", "notice"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        for statement in _FILL.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), {"many": many, "until": until})
