-- Twenty thousand agents with a lot each, and one that placed twenty thousand holds, captured one after the
-- other: rows as the functions would have left them. Hashes are not links of a chain.

INSERT INTO agent (agent_id, organization_id, contact, agent_name, runtime, created_at)
SELECT 'agt_' || n, 'org_' || n, 'a' || n || '@example.invalid', 'name ' || n, 'tests',
    '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute'
FROM generate_series(1, 20000) AS n
UNION ALL SELECT 'agt_long', 'org_long', NULL, 'long', 'tests', '2025-01-01T00:00:00Z';

INSERT INTO agent_token (token_hash, agent_id, created_at, revoked_at)
SELECT sha256(convert_to(agent_id || part, 'UTF8')), agent_id, created_at + part * interval '1 day',
    CASE part WHEN 0 THEN created_at + interval '1 day' END
FROM agent, generate_series(0, 1) AS part;

INSERT INTO agent_claim (agent_id, contact, requested_at) SELECT agent_id, 'a@b.invalid', created_at FROM agent;

INSERT INTO account (name, class_name, asset) SELECT 'agent:' || agent_id, 'agent', 'CREDIT' FROM agent;

INSERT INTO balance (account_id, shard, posted, held, floor, seq, frozen, last_at)
SELECT id, 0, CASE name WHEN 'agent:agt_long' THEN 10000 ELSE 10 END, 0, 0,
    CASE name WHEN 'agent:agt_long' THEN 40000 ELSE 1 END, id % 200 = 0,
    '2026-11-20T11:00:00Z'
FROM account WHERE class_name = 'agent';

INSERT INTO ledger_transaction
    (id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, details, hash)
SELECT id, 'grant-' || id, '', 'grant', id, 10, '2026-01-01', '2026-01-01', 'tests', '{}', ''
FROM account WHERE class_name = 'agent';

INSERT INTO entry
    (transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash, created_at)
SELECT id, 0, account_id, 0, 'CREDIT', 10, 0, 1, 10, 0, '', created_at FROM ledger_transaction
WHERE account_id <> (SELECT id FROM account WHERE name = 'agent:agt_long');

INSERT INTO lot (account_id, granted_in, promotional, priority, effective_at, expires_at, granted, paid_cents,
    credits, cents)
SELECT account_id, id, false, 0, created_at, 'infinity', 10, 10, 10, 10 FROM ledger_transaction;

CREATE TEMPORARY TABLE step AS
SELECT n, 1000000 + n AS id, (n + 1) / 2 AS hold, n % 2 = 1 AS places,
    '2026-01-01T00:00:00Z'::timestamptz + n * interval '10 minutes' AS at,
    (SELECT id FROM account WHERE name = 'agent:agt_long') AS account_id
FROM generate_series(1, 40000) AS n;

INSERT INTO ledger_transaction
    (id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, details, hash)
SELECT id, 'step-' || n, '', CASE WHEN places THEN 'hold' ELSE 'capture' END, account_id, 1, at, at, 'tests',
    jsonb_build_object('hold', 'hold_' || hold), ''
FROM step;

INSERT INTO entry
    (transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash, created_at)
SELECT id, 0, account_id, 0, 'CREDIT', CASE WHEN places THEN 0 ELSE -1 END, CASE WHEN places THEN 1 ELSE -1 END,
    n, 30000 - n / 2, n % 2, '', at
FROM step;

INSERT INTO hold
    (id, account_id, credits, lots, pins, job, in_flight, state, captured, expires_at, placed_in, closed_in)
SELECT 'hold_' || hold, account_id, 1, '{1}', '{1}', 'job', false,
    CASE WHEN n > 39000 THEN 'open' ELSE 'captured' END::hold_state, 1, at + interval '1 hour', id,
    CASE WHEN n <= 39000 THEN id + 1 END
FROM step WHERE places;

INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
SELECT id, 1, (SELECT max(id) FROM lot WHERE account_id = step.account_id), 0, 1, 0, 1 FROM step WHERE NOT places;

INSERT INTO quote (quote_id, agent_id, idempotency_key, credits, rail_id, price_cents, live_money, created_at,
    expires_at)
SELECT 'quote_' || n, CASE WHEN n % 4 = 0 THEN 'agt_long' ELSE 'agt_' || n END, n, 10, 'fake', 10, false,
    '2026-11-20'::timestamptz - n * interval '1 minute', '2026-12-01'
FROM generate_series(1, 20000) AS n;

INSERT INTO payment_attempt (payment_attempt_id, quote_id, agent_id, rail_id, state, created_at, expires_at)
SELECT 'pay_' || quote_id, quote_id, agent_id, rail_id, 'expired', created_at, expires_at FROM quote;

INSERT INTO receipt (receipt_id, payment_attempt_id, quote_id, agent_id, credit_event_id, ledger_transaction_id,
    credits, received_cents, balance_after, created_at)
SELECT 'rec_' || quote_id, payment_attempt_id, quote_id, agent_id, 'evt_' || quote_id, row_number() OVER (), 10, 10,
    10, created_at
FROM payment_attempt;

INSERT INTO activity (event_id, agent_id, type, operation, subject_type, subject_id, status, summary, links,
    occurred_at)
SELECT 'evt_' || quote_id, agent_id, 'payment.checkout_session.created', 'payment', 'payment', quote_id, 'x', 'x',
    '{}', created_at
FROM quote;

INSERT INTO agent_freeze (agent_id, reference, reason, frozen_by, frozen_at)
SELECT CASE WHEN n % 1000 = 0 THEN 'agt_long' ELSE 'agt_' || n END, 'test:' || n, 'why', 'tests', '2026-11-01'
FROM generate_series(1, 40000) AS n;

INSERT INTO agent_thaw (freeze_id, reason, thawed_by, thawed_at)
SELECT freeze_id, 'why', 'tests', '2026-11-02' FROM agent_freeze WHERE agent_id <> 'agt_4';
