-- A year of a shop with {purchases} purchases, as its own functions would have left it, made in bulk.
-- One agent made a hundredth of them all. The hashes are not links of a chain, and nothing else is wrong.

SELECT open_accounts(ARRAY[
    'issued', 'spent', 'prepaid_liability', 'revenue', 'clearing:stripe_checkout', 'clearing:stripe_x402.exact.usdc'
]);

CREATE TEMPORARY TABLE purchase AS
SELECT
    told.*,
    told.state = 'succeeded' AS paid,
    'payatt_' || substr(md5('attempt' || told.number), 1, 24) AS attempt,
    'quote_' || substr(md5('quote' || told.number), 1, 24) AS quote,
    'receipt_' || substr(md5('receipt' || told.number), 1, 24) AS receipt,
    'agt_' || substr(md5('agent' || told.buyer), 1, 24) AS agent,
    'pi_' || substr(md5('intent' || told.number), 1, 24) AS intent,
    CASE WHEN told.on_chain THEN 'stripe_x402.exact.usdc' ELSE 'stripe_checkout' END AS rail,
    CASE
        WHEN told.on_chain THEN 'pi_' || substr(md5('intent' || told.number), 1, 24)
        ELSE 'cs_test_' || md5('session' || told.number)
    END AS reference,
    CASE WHEN told.on_chain THEN '0x' || substr(md5('here' || told.number) || md5('address'), 1, 40) END AS address,
    '0x' || md5('block' || told.number / 3) || md5('block') AS block,
    '0x' || md5('tx' || told.number) || md5('transaction') AS tx,
    '0x' || substr(md5('wallet' || told.buyer) || md5('wallet'), 1, 40) AS wallet
FROM (
    SELECT
        number,
        number % 5 < 3 AS on_chain,
        CASE
            WHEN number % 100 = 0 THEN 1
            ELSE 2 + abs(hashint8(number)::bigint) % greatest({purchases} / 20, 20)
        END AS buyer,
        CASE abs(hashint8(number + 7)::bigint) % 1000
            WHEN 0 THEN 'needs_review' WHEN 1 THEN 'needs_review' WHEN 2 THEN 'processing'
            ELSE CASE abs(hashint8(number + 9)::bigint) % 20
                WHEN 0 THEN 'canceled' WHEN 1 THEN 'failed' WHEN 2 THEN 'expired' WHEN 3 THEN 'expired'
                WHEN 4 THEN 'expired' ELSE 'succeeded'
            END
        END AS state,
        (ARRAY[500, 500, 1000, 2500])[1 + number % 4]::bigint AS credits,
        now() - interval '365 days' * (1 - number / ({purchases} + 1)::float8) AS at
    FROM generate_series(1, {purchases}) AS number
) AS told;
CREATE INDEX ON purchase (number);
ANALYZE purchase;

CREATE TEMPORARY TABLE buyer AS
SELECT buyer AS number, agent, min(at) - interval '1 hour' AS at, 1000000 + row_number() OVER (ORDER BY buyer) AS account_id
FROM purchase GROUP BY buyer, agent;

INSERT INTO agent (agent_id, organization_id, contact, agent_name, runtime, created_at)
SELECT agent, 'org_' || substr(md5(agent), 1, 24), CASE WHEN number % 3 = 0 THEN 'owner' || number || '@example.com' END,
    'agent ' || number, (ARRAY['python', 'node', 'claude', 'shell'])[1 + number % 4], at
FROM buyer;
INSERT INTO agent_token (token_hash, agent_id, created_at) SELECT sha256(agent::bytea), agent, at FROM buyer;
INSERT INTO account (id, name, class_name, asset, created_at) OVERRIDING SYSTEM VALUE
SELECT account_id, 'agent:' || agent, 'agent', 'CREDIT', at FROM buyer;

INSERT INTO quote (quote_id, agent_id, idempotency_key, credits, pack_id, rail_id, price_cents, live_money, created_at, expires_at)
SELECT quote, agent, 'quote-' || number, credits, 'pack-' || credits, rail, credits, false, at - interval '20 seconds',
    at + interval '30 minutes'
FROM purchase
UNION ALL
SELECT 'quote_' || substr(md5('asked' || number), 1, 24), agent, 'asked-' || number, credits, NULL, rail, credits, false,
    at - interval '50 seconds', at + interval '30 minutes'
FROM purchase WHERE number % 3 = 0;
INSERT INTO buy_key (agent_id, idempotency_key, quote_id, created_at) SELECT agent, 'buy-' || number, quote, at FROM purchase;
INSERT INTO payment_attempt (
    payment_attempt_id, quote_id, agent_id, rail_id, reference, state, reason, instructions, deposit_address, created_at,
    expires_at, look_at, looked_at, looks, policy, address_owner
)
SELECT
    attempt, quote, agent, rail, reference, state, CASE state WHEN 'needs_review' THEN 'underpaid' END,
    CASE
        WHEN on_chain THEN jsonb_build_object(
            'kind', 'crypto_deposit', 'asset', 'USDC', 'units', credits * 10000, 'shared', false, 'address', address,
            'network', 'base', 'token_contract', '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', 'token_currency', 'usdc'
        )
        ELSE jsonb_build_object('kind', 'hosted_page', 'url', 'https://pay.example/' || md5(reference))
    END,
    address, at, at + interval '1 hour',
    CASE WHEN state IN ('processing', 'needs_review') THEN now() + interval '5 minutes' END, at + interval '20 seconds', 4,
    CASE WHEN on_chain THEN '{"late": "review", "overpaid": "review", "topped_up": "review", "underpaid": "review"}'::jsonb END,
    CASE WHEN on_chain THEN attempt END
FROM purchase;
INSERT INTO owned_address (address, owner) SELECT address, attempt FROM purchase WHERE on_chain;

INSERT INTO evidence (payment_attempt_id, source, external_id, state, detail, first_seen_at, last_seen_at)
SELECT attempt, 'stripe', reference, CASE WHEN on_chain THEN 'succeeded' ELSE 'complete' END,
    CASE
        WHEN on_chain THEN jsonb_build_object('transaction_hash', tx, 'payment_intent_id', intent)
        ELSE jsonb_build_object(
            'currency', 'usd', 'tax_cents', 0, 'discount_cents', 0, 'payment_status', 'paid', 'subtotal_cents', credits,
            'payment_intent_id', intent, 'amount_total_cents', credits
        )
    END, at + interval '4 seconds', at + interval '20 seconds'
FROM purchase WHERE paid
UNION ALL
SELECT attempt, 'chain', block || ':' || number % 3, 'final',
    jsonb_build_object(
        'sender', wallet, 'block_time', at, 'block_number', number / 3, 'amount_atomic', (credits * 10000)::text,
        'confirmations', 64, 'transaction_hash', tx, 'confirmations_needed', 12
    ), at + interval '6 seconds', at + interval '20 minutes'
FROM purchase WHERE on_chain AND (paid OR state = 'needs_review');
INSERT INTO deposit (
    chain_id, block_hash, log_index, block_number, block_time, tx_hash, token, sender, address, amount, state, first_seen_at,
    confirmed_at, final_at
)
SELECT 8453, block, number % 3, number / 3, at, tx, '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913', wallet, address,
    credits * 10000, 'final', at + interval '3 seconds', at + interval '30 seconds', at + interval '20 minutes'
FROM purchase WHERE on_chain AND (paid OR state = 'needs_review');
INSERT INTO chain_cursor (
    chain_id, generation, block_number, block_hash, block_time, head_number, head_time, depth_policy, confirmed_number,
    finalized_number, finalized_hash, audited_number, scanned_at, fencing_token, outflow_number
)
SELECT 8453, 1, number / 3 + 64, block, now(), number / 3 + 64, now(), 'safe', number / 3 + 60, number / 3, block, 1, now(), 1, 1
FROM purchase ORDER BY number DESC LIMIT 1;
INSERT INTO chain_alarm (chain_id, kind, subject, detail, opened_at, last_seen_at, closed_at)
SELECT 8453, 'node_failing', 'node-' || day % 3, 'did not answer', now() - day * interval '1 day',
    now() - day * interval '1 day', now() - day * interval '1 day' + interval '5 minutes'
FROM generate_series(1, 300) AS day;

-- What every agent's account did, in time: its free credits, then what it bought and used.
CREATE TEMPORARY TABLE movement AS
SELECT
    told.*,
    1000000 + row_number() OVER (ORDER BY told.at, told.number, told.kind DESC) AS id,
    row_number() OVER own AS seq,
    sum(told.credits) OVER own AS balance_after
FROM (
    SELECT NULL::bigint AS number, account_id, agent, 'preview' AS kind, 20::bigint AS credits, at, NULL AS rail FROM buyer
    UNION ALL
    SELECT purchase.number, account_id, agent, 'grant', credits, purchase.at + interval '6 seconds', rail
    FROM purchase JOIN buyer USING (agent) WHERE paid
    UNION ALL
    SELECT purchase.number, account_id, agent, 'debit', -100, purchase.at + interval '1 hour', rail
    FROM purchase JOIN buyer USING (agent) WHERE paid AND purchase.number % 2 = 0 AND purchase.at < now() - interval '2 hours'
) AS told
WINDOW own AS (PARTITION BY told.account_id ORDER BY told.at, told.number, told.kind DESC);
CREATE INDEX ON movement (number, kind);
ANALYZE movement;

INSERT INTO ledger_transaction (
    id, reference, request_hash, kind, account_id, credits, effective_at, created_at, actor, metadata, details, hash
)
SELECT
    movement.id,
    CASE movement.kind
        WHEN 'preview' THEN 'preview:' || movement.agent
        WHEN 'grant' THEN 'purchase:' || purchase.attempt
        ELSE 'debit-' || md5('job' || movement.id)
    END,
    sha256(''), CASE movement.kind WHEN 'preview' THEN 'grant' ELSE movement.kind END, movement.account_id,
    abs(movement.credits), movement.at, movement.at,
    CASE movement.kind WHEN 'preview' THEN 'signup' WHEN 'grant' THEN 'rail:' || movement.rail ELSE 'service:jobs' END,
    CASE movement.kind
        WHEN 'grant' THEN jsonb_build_object('quote_id', purchase.quote, 'payment_attempt_id', purchase.attempt)
        ELSE '{}'
    END,
    CASE movement.kind
        WHEN 'debit' THEN jsonb_build_object('job', 'job-' || movement.id)
        ELSE jsonb_build_object('lot', movement.id)
    END,
    sha256('')
FROM movement LEFT JOIN purchase ON purchase.number = movement.number;
INSERT INTO entry (
    transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash, created_at
)
SELECT id, 0, account_id, 0, 'CREDIT', credits, 0, seq, balance_after, 0, sha256(''), at FROM movement;
INSERT INTO entry (
    transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash, created_at
)
SELECT
    movement.id, leg.leg, account.id, movement.id % 16, account.asset, movement.credits * leg.sign, 0,
    coalesce(balance.seq, 0) + row_number() OVER own,
    coalesce(balance.posted, 0) + sum(movement.credits * leg.sign) OVER own, 0, sha256(''),
    movement.at
FROM movement
JOIN (
    VALUES ('preview', 1, 'issued', -1), ('grant', 1, 'issued', -1), ('grant', 2, 'clearing:', -1),
        ('grant', 3, 'prepaid_liability', 1), ('debit', 1, 'spent', -1), ('debit', 2, 'prepaid_liability', 1),
        ('debit', 3, 'revenue', -1)
) AS leg (kind, leg, name, sign) ON leg.kind = movement.kind
JOIN account ON account.name = leg.name || CASE leg.name WHEN 'clearing:' THEN movement.rail ELSE '' END
LEFT JOIN balance ON balance.account_id = account.id AND balance.shard = movement.id % 16
WINDOW own AS (PARTITION BY account.id, movement.id % 16 ORDER BY movement.id);
INSERT INTO balance (account_id, shard, posted, held, floor, seq, last_at, head)
SELECT DISTINCT ON (account_id) account_id, 0, balance_after, 0, 0, seq, at, sha256('')
FROM movement ORDER BY account_id, seq DESC;
INSERT INTO balance (account_id, shard, posted, held, floor, seq, last_at, head)
SELECT DISTINCT ON (account_id, shard) account_id, shard, balance_after, 0, NULL::bigint, seq, created_at, hash
FROM entry WHERE transaction_id > 1000000 AND leg > 0
ORDER BY account_id, shard, seq DESC
ON CONFLICT (account_id, shard) DO UPDATE
SET posted = excluded.posted, seq = excluded.seq, last_at = excluded.last_at, head = excluded.head;
INSERT INTO lot (
    id, account_id, granted_in, promotional, priority, effective_at, expires_at, granted, paid_cents, credits, used, cents,
    cents_used, open
) OVERRIDING SYSTEM VALUE
SELECT
    movement.id, movement.account_id, movement.id, movement.kind = 'preview', 0, movement.at, 'infinity', movement.credits,
    CASE movement.kind WHEN 'grant' THEN movement.credits ELSE 0 END, movement.credits, coalesce(-used.credits, 0),
    CASE movement.kind WHEN 'grant' THEN movement.credits ELSE 0 END, coalesce(-used.credits, 0), true
FROM movement
LEFT JOIN movement AS used ON used.number = movement.number AND used.kind = 'debit'
WHERE movement.kind <> 'debit';
INSERT INTO lot_entry (transaction_id, place, lot_id, credits, used, cents, cents_used)
SELECT id, 1, id, credits, 0, CASE kind WHEN 'grant' THEN credits ELSE 0 END, 0 FROM movement WHERE kind <> 'debit'
UNION ALL
SELECT used.id, 1, granted.id, 0, -used.credits, 0, -used.credits
FROM movement AS used JOIN movement AS granted ON granted.number = used.number AND granted.kind = 'grant'
WHERE used.kind = 'debit';
SELECT setval('ledger_transaction_id_seq', (SELECT max(id) FROM movement));
SELECT setval('lot_id_seq', (SELECT max(id) FROM movement));
SELECT setval('account_id_seq', (SELECT max(account_id) FROM buyer));
INSERT INTO seal (number, leaves, root, previous, hash, horizon, sealed_at)
SELECT (id - 1000001) / 100 + 1, count(*), sha256(''), sha256(''), sha256(''), pg_current_xact_id(), max(at)
FROM movement GROUP BY 1;
INSERT INTO seal_leaf (seal, place, transaction_id, xid, hash)
SELECT (movement.id - 1000001) / 100 + 1, (movement.id - 1000001) % 100, movement.id, told.xid, sha256('')
FROM movement JOIN ledger_transaction AS told ON told.id = movement.id;
UPDATE webhook_cursor SET seal = (SELECT max(number) FROM seal);

INSERT INTO receipt (
    receipt_id, payment_attempt_id, quote_id, agent_id, credit_event_id, ledger_transaction_id, credits, received_cents,
    balance_after, created_at
)
SELECT receipt, attempt, quote, purchase.agent, 'credit_event_' || substr(md5('event' || purchase.number), 1, 24), movement.id,
    purchase.credits, purchase.credits, movement.balance_after, movement.at
FROM purchase JOIN movement ON movement.number = purchase.number AND movement.kind = 'grant';
INSERT INTO activity (
    event_id, agent_id, type, operation, subject_type, subject_id, status, summary, links, occurred_at
)
SELECT 'evt_' || substr(md5('activity' || number), 1, 24), agent, 'credits.payment_backed_granted', 'credits', 'credit',
    'credit_event_' || substr(md5('event' || number), 1, 24), 'succeeded',
    credits || ' credits granted for a verified payment',
    jsonb_build_object('quote_id', quote, 'receipt_id', receipt, 'payment_attempt_id', attempt), at + interval '6 seconds'
FROM purchase WHERE paid;
INSERT INTO notice (
    source, external_id, kind, refs, body, state, reason, received_at, attempts, try_at, handled_at, error
)
SELECT 'stripe', 'evt_' || md5('notice' || number), CASE WHEN on_chain THEN 'payment_intent.succeeded' ELSE 'checkout.session.completed' END,
    jsonb_build_array(reference, attempt),
    convert_to(jsonb_build_object(
        'id', 'evt_' || md5('notice' || number), 'object', 'event', 'type', 'payment_intent.succeeded',
        'data', jsonb_build_object('object', jsonb_build_object('id', reference, 'amount', credits, 'note', repeat('x', 300)))
    )::text, 'UTF8'),
    CASE number % 1000 WHEN 1 THEN 'dead' WHEN 2 THEN 'waiting' WHEN 3 THEN 'ignored' ELSE 'handled' END,
    CASE number % 1000 WHEN 1 THEN 'gave up' WHEN 3 THEN 'not ours' END, at + interval '5 seconds', 1,
    CASE number % 1000 WHEN 2 THEN now() END, CASE WHEN number % 1000 > 3 THEN at + interval '6 seconds' END,
    CASE number % 1000 WHEN 1 THEN 'the processor did not answer' END
FROM purchase WHERE state <> 'expired';

INSERT INTO payment_exception (
    payment_attempt_id, agent_id, kind, asset, expected_units, received_units, opened_at, closed_at, closed_by, resolution, final_units
)
SELECT attempt, agent, 'underpaid', 'USDC', credits * 10000, credits * 10000 - 100000, at + interval '1 minute',
    CASE WHEN paid THEN at + interval '1 day' END, CASE WHEN paid THEN 'operator:finance@example.com' END,
    CASE WHEN paid THEN 'credit' END, credits * 10000 - 100000
FROM purchase WHERE state = 'needs_review' OR (paid AND number % 50 = 0) ORDER BY number;
INSERT INTO exception_action (exception_id, action, actor, reason, units, cents, created_at)
SELECT exception_id, 'refund', closed_by, 'sent back', received_units, 0, closed_at
FROM payment_exception WHERE closed_at IS NOT NULL;
INSERT INTO payment_reversal (
    reference, payment_attempt_id, cause, state, cents, booked_cents, takings, first_seen_at, changed_at
)
SELECT 're_' || substr(md5('refund' || number), 1, 24), attempt, CASE number % 3 WHEN 0 THEN 'dispute' ELSE 'refund' END, 'gone',
    100, 100, 1, at + interval '2 days', at + interval '2 days'
FROM purchase WHERE paid AND number % 200 = 1;
INSERT INTO payment_reversal_state (reference, state, cents, booked_cents, transactions, detail, seen_at)
SELECT reference, state, cents, booked_cents, ARRAY[]::bigint[], '{}', changed_at FROM payment_reversal;
INSERT INTO refund_request (
    refund_id, payment_attempt_id, idempotency_key, cents, reason, requested_by, requested_at, state, reference, tries, answered_at
)
SELECT 'refund_' || substr(md5(reference), 1, 24), payment_attempt_id, 'key-' || reference, cents, 'asked for it',
    'operator:finance@example.com', first_seen_at, 'accepted', reference, 1, changed_at
FROM payment_reversal WHERE cause = 'refund';
INSERT INTO reversal_watch (payment_attempt_id, looks, looked_at, look_at)
SELECT attempt, 3, now(), CASE WHEN at > now() - interval '120 days' THEN now() + interval '1 day' * (number % 5) END
FROM purchase WHERE paid;

INSERT INTO stripe_balance_transaction (
    id, type, amount, fee, net, currency, source, charge, payment_intent, payment_attempt_id, created_at, available_on, kept_at
)
SELECT 'txn_' || md5('txn' || number), 'charge', credits, credits / 20, credits - credits / 20, 'usd', 'ch_' || md5('charge' || number),
    'ch_' || md5('charge' || number), intent, attempt, at + interval '10 seconds', at + interval '2 days', at + interval '1 hour'
FROM purchase WHERE paid;
INSERT INTO stripe_booking (
    balance_transaction_id, ledger_transaction_id, part, payment_attempt_id, rail_id, received_cents, tax_cents, booked_at
)
SELECT 'txn_' || md5('txn' || number), NULL, 'payment', attempt, rail, credits, 0, at + interval '1 hour' FROM purchase WHERE paid;
INSERT INTO stripe_payout (
    payout_id, state, reconciled, amount, currency, automatic, created_at, arrives_at, seen_at
)
SELECT 'po_' || md5('payout' || day), 'paid', 'completed', 100000, 'usd', true, now() - day * interval '1 day',
    now() - (day - 2) * interval '1 day', now() - (day - 2) * interval '1 day'
FROM generate_series(1, 365) AS day;
INSERT INTO stripe_payout_part (balance_transaction_id, payout_id)
SELECT 'txn_' || md5('txn' || number), 'po_' || md5('payout' || greatest(1, extract(day FROM now() - at)::int))
FROM purchase WHERE paid;
INSERT INTO reconciliation_posting (
    account_id, shard, seq, ledger_transaction_id, rail_id, part, payment_attempt_id, cents, effective_at, kept_at
)
SELECT entry.account_id, entry.shard, entry.seq, entry.transaction_id, purchase.rail, 'granted', purchase.attempt,
    purchase.credits, purchase.at, purchase.at + interval '1 hour'
FROM purchase
JOIN movement ON movement.number = purchase.number AND movement.kind = 'grant'
JOIN entry ON entry.transaction_id = movement.id AND entry.leg = 2;
INSERT INTO reconciliation_item (
    subject, matter, payment_attempt_id, state, asset, expected_units, found_units, day, opened_at, closed_at, how
)
SELECT attempt, 'payment', attempt, CASE WHEN number % 5000 = 1 THEN 'missing' ELSE 'matched' END, 'USD', credits,
    CASE WHEN number % 5000 = 1 THEN 0 ELSE credits END, (at AT TIME ZONE 'UTC')::date, at + interval '1 hour',
    CASE WHEN number % 5000 <> 1 THEN at + interval '1 hour' END, CASE WHEN number % 5000 <> 1 THEN 'matched' END
FROM purchase WHERE paid ORDER BY number;
INSERT INTO reconciliation_item_state (item_id, place, state, expected_units, found_units, entered_at, why)
SELECT item_id, 1, state, expected_units, found_units, opened_at, 'compared' FROM reconciliation_item;
INSERT INTO reconciliation_run (
    started_at, read_until, kept, booked, opened, closed, breaks, processor_cents, book_cents
)
SELECT now() - hour * interval '1 hour', now() - hour * interval '1 hour', 10, 10, 10, 10, 0, 1000, 1000
FROM generate_series(365 * 24, 0, -6) AS hour;
INSERT INTO reconciliation_cursor (source, read_until, read_at) VALUES ('stripe', now(), now());

INSERT INTO webhook_endpoint (endpoint_id, url, event_types, state, created_at)
VALUES ('we_bench', 'https://hooks.example/pennyrail', ARRAY['credits.granted'], 'enabled', now() - interval '1 year');
INSERT INTO webhook_event (event_id, type, subject, agent_id, body, occurred_at, created_at)
SELECT 'msg_' || substr(md5('event' || id), 1, 24), 'credits.granted', id::text, agent,
    jsonb_build_object('type', 'credits.granted', 'data', jsonb_build_object('agent_id', agent, 'credits', credits))::text, at,
    at + interval '1 second'
FROM movement WHERE kind = 'grant';
INSERT INTO webhook_delivery (endpoint_id, event_id, state, tries, try_at, delivered_at, created_at)
SELECT 'we_bench', event_id, CASE WHEN subject::bigint % 1000 = 1 THEN 'failed' ELSE 'delivered' END, 1, NULL,
    CASE WHEN subject::bigint % 1000 <> 1 THEN created_at + interval '1 second' END, created_at
FROM webhook_event WHERE event_id LIKE 'msg\_%';
INSERT INTO webhook_attempt (endpoint_id, event_id, started_at, duration_ms, status, error)
SELECT endpoint_id, event_id, created_at, 80, CASE state WHEN 'failed' THEN 500 ELSE 204 END,
    CASE state WHEN 'failed' THEN 'answered 500' END
FROM webhook_delivery;

INSERT INTO agent_freeze (agent_id, reference, reason, frozen_by, frozen_at)
SELECT agent, 'operator:' || agent, 'looks odd', 'operator:support@example.com', at + interval '1 hour' FROM buyer WHERE number % 1000 = 5;
INSERT INTO audit_log (
    at, actor, role, via, action, about_kind, about_id, outcome, reason
)
SELECT at, 'operator:' || (ARRAY['finance', 'support', 'approver'])[1 + number % 3] || '@example.com',
    (ARRAY['finance', 'support', 'approver'])[1 + number % 3], 'console',
    (ARRAY['purchase.look', 'exception.resolve', 'refund.create', 'agent.freeze'])[1 + number % 4], 'purchase', attempt,
    CASE WHEN number % 97 = 0 THEN 'refused' ELSE 'done' END, 'as the customer asked'
FROM purchase WHERE number % 5 = 0 ORDER BY number;
INSERT INTO note (about_kind, about_id, said, author, written_at)
SELECT 'exception', exception_id::text, 'the owner was asked', 'operator:support@example.com', opened_at + interval '1 hour'
FROM payment_exception;
INSERT INTO assignment (about_kind, about_id, turn, owner, assigned_by, assigned_at)
SELECT 'exception', exception_id::text, 1, 'operator:support@example.com', 'operator:finance@example.com', opened_at
FROM payment_exception WHERE exception_id % 3 = 0;
INSERT INTO proposal (
    key, kind, about_kind, about_id, content, cents, reason, evidence, proposed_by, proposed_by_id, proposed_at, expires_at
)
SELECT 'key-' || number, 'adjustment', 'agent', agent, jsonb_build_object('agent_id', agent, 'direction', 'up', 'credits', 100, 'expires_at', now() + interval '90 days'), 100, 'a job that failed twice', 'ticket 12',
    'operator:finance@example.com', 'op_finance', at, at + interval '3 days'
FROM purchase WHERE number % 1000 = 1 OR number > {purchases} - 5 ORDER BY number;
INSERT INTO proposal_decision (
    proposal_id, decision, decided_by, decided_by_id, reason, decided_at, proposed_by, proposed_by_id, expires_at
)
SELECT proposal_id, 'approved', 'operator:approver@example.com', 'op_approver', 'seen', proposed_at + interval '1 hour',
    proposed_by, proposed_by_id, expires_at
FROM proposal WHERE expires_at < now();
INSERT INTO hold (
    id, account_id, credits, lots, pins, job, in_flight, state, captured, expires_at, placed_in, closed_in
)
SELECT 'hold_' || md5('hold' || id), account_id, 100, ARRAY[]::bigint[], ARRAY[]::integer[], 'job-' || id, false, 'captured', 100,
    at + interval '1 hour', id, id
FROM movement WHERE kind = 'debit' AND id % 5 = 0;
INSERT INTO service_token (id, name, token_hash, scopes, created_at)
VALUES ('svc_bench', 'jobs', sha256('jobs'), ARRAY['credits'], now());
