"""Fills a book with years of jobs in a minute: rows as the functions would have left them, made in bulk.

Every job is a hold and its capture: two transactions, five entries, one closed hold, one use of a lot. What
the functions read again is right: keys are unique, seq goes on without a gap, balances and lots add up. The
hashes are not links of a chain.
"""

from typing import Final

import psycopg

from bench._server import connect, settle

ENTRIES_OF_JOB: Final = 5
# Places of a job's entries: the hold, then the four legs of its capture.
_JOBS: Final = """
CREATE TEMPORARY TABLE job AS
SELECT
    number, base.id + 2 * number AS held_in, base.id + 2 * number + 1 AS captured_in,
    agent.account_id, agent.shard, lot.id AS lot_id,
    agent.seq + 2 * ((number - 1) / agents.how_many) + 1 AS seq,
    agent.posted - (number - 1) / agents.how_many AS posted,
    clock_timestamp() - interval '1 year' + number * interval '1 second' AS at
FROM generate_series(1, %(jobs)s) AS number
CROSS JOIN (SELECT max(id) AS id FROM ledger_transaction) AS base
CROSS JOIN (SELECT count(*) AS how_many FROM lot WHERE open) AS agents
JOIN (SELECT lot.*, row_number() OVER (ORDER BY id) - 1 AS place FROM lot WHERE open) AS lot
    ON lot.place = (number - 1) %% agents.how_many
JOIN balance AS agent ON agent.account_id = lot.account_id AND agent.shard = 0;
ANALYZE job;
"""
_TOLD: Final = """
INSERT INTO ledger_transaction
    (id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, hash)
SELECT
    CASE told.kind WHEN 'hold' THEN job.held_in ELSE job.captured_in END,
    told.kind || '-' || md5(told.kind || job.held_in), sha256(''), told.kind, job.account_id, 1, job.at,
    job.at, 'bench', sha256('')
FROM job
CROSS JOIN (VALUES ('hold'), ('capture')) AS told (kind);
"""
_ENTRIES: Final = """
INSERT INTO entry
    (transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash,
    created_at)
SELECT held_in, 0, account_id, shard, 'CREDIT', 0, 1, seq, posted, 1, sha256(''), at FROM job
UNION ALL
SELECT captured_in, 0, account_id, shard, 'CREDIT', -1, -1, seq + 1, posted - 1, 0, sha256(''), at FROM job
UNION ALL
SELECT
    captured_in, house.leg, house.id, -1, house.asset, house.amount, 0, held_in, house.amount * number, 0,
    sha256(''), at
FROM job
CROSS JOIN (
    SELECT id, asset, CASE WHEN name = 'prepaid_liability' THEN -1 ELSE 1 END AS amount,
        row_number() OVER (ORDER BY id) AS leg
    FROM account
    WHERE name IN ('spent', 'prepaid_liability', 'revenue')
) AS house;
"""
_REST: Final = """
INSERT INTO hold
    (id, account_id, credits, lots, pins, job, in_flight, state, captured, expires_at, placed_in, closed_in)
SELECT 'filled_' || held_in, account_id, 1, ARRAY[lot_id], ARRAY[1], 'job', false, 'captured', 1,
    at + interval '1 hour', held_in, captured_in
FROM job;
INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
SELECT captured_in, 1, lot_id, 0, 1, 0, 1 FROM job;
UPDATE balance SET posted = balance.posted - done.jobs, seq = balance.seq + 2 * done.jobs
FROM (SELECT account_id, shard, count(*) AS jobs FROM job GROUP BY account_id, shard) AS done
WHERE balance.account_id = done.account_id AND balance.shard = done.shard;
UPDATE lot SET used = lot.used + done.jobs, cents_used = lot.cents_used + done.jobs
FROM (SELECT lot_id, count(*) AS jobs FROM job GROUP BY lot_id) AS done
WHERE lot.id = done.lot_id;
SELECT setval('ledger_transaction_id_seq', (SELECT max(id) FROM ledger_transaction));
DROP TABLE job;
"""
_LONG: Final = """
WITH told AS (
    INSERT INTO ledger_transaction
        (reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, hash)
    SELECT 'long-' || number, sha256(''), 'hold', account.id, 1, life.at, life.at, 'bench', sha256('')
    FROM account
    CROSS JOIN generate_series(1, {entries}) AS number
    CROSS JOIN LATERAL (SELECT now() + (number - {entries}) * interval '1 second' AS at) AS life
    WHERE account.name = '{account}'
    RETURNING id, account_id, created_at
),
numbered AS (SELECT told.*, row_number() OVER (ORDER BY id) AS seq FROM told)
INSERT INTO entry
    (transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash,
    created_at)
SELECT id, 0, account_id, 0, 'CREDIT', 0, 1, seq, seq, seq, sha256(''), created_at FROM numbered;
UPDATE balance SET posted = {entries}, held = {entries}, seq = {entries}
FROM account
WHERE account.id = balance.account_id AND account.name = '{account}';
"""
_GUARDED: Final = ("ledger_transaction", "entry", "hold", "lot_entry", "balance", "lot")


def fill(url: str, *, entries: int) -> None:
    """Add about so many entries, evenly over the agents that have credits."""
    with connect(url) as connection:
        # The house accounts that a capture moves exist once somebody has spent.
        connection.execute("SELECT open_accounts(ARRAY['spent', 'prepaid_liability', 'revenue'])")
        connection.execute("SET work_mem = '256MB'")
        _unguarded(connection, [_JOBS % {"jobs": entries // ENTRIES_OF_JOB}, _TOLD, _ENTRIES, _REST])
    settle(url)


def lengthen(url: str, account: str, *, entries: int) -> None:
    """Open `account` and give it so many entries, one a second until now."""
    with connect(url) as connection:
        connection.execute("SELECT open_accounts(ARRAY[%s])", [account])
        _unguarded(connection, [_LONG.format(account=account, entries=entries)])
    settle(url)


def _unguarded(connection: psycopg.Connection, statements: list[str]) -> None:
    connection.execute("SET synchronous_commit = off")
    for table in _GUARDED:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    for statement in statements:
        connection.execute(statement.encode())
    for table in _GUARDED:
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL".encode())
        connection.execute(ALWAYS.format(table=table).encode())


# ENABLE TRIGGER ALL forgets that these fire for replicas too.
ALWAYS: Final = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT tgname FROM pg_trigger WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal
    LOOP
        EXECUTE format('ALTER TABLE {table} ENABLE ALWAYS TRIGGER %I', found.tgname);
    END LOOP;
END $$
"""
