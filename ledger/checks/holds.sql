-- Each hold: the transaction that placed it, those that started it, and the one that closed it.
WITH started AS (
    SELECT details ->> 'hold' AS hold_id, max((details ->> 'expires_at')::timestamptz) AS expires_at
    FROM ledger_transaction
    WHERE kind = 'start' AND outcome = 'done'
    GROUP BY 1
), derived AS (
    SELECT
        hold.*,
        placed.id AS told_in,
        placed.account_id AS agent,
        placed.credits AS told_credits,
        placed.details AS terms,
        'hold_' || substr(encode(sha256(convert_to(placed.reference, 'UTF8')), 'hex'), 1, 24) AS expected_id,
        started.hold_id IS NOT NULL AS is_started,
        greatest((placed.details ->> 'expires_at')::timestamptz, started.expires_at) AS expected_expiry,
        closed.effective_at AS closed_at,
        closed.metadata ->> 'happened_at' AS closed_truly,
        closed.kind AS closed_kind,
        closed.details ->> 'hold' AS closed_hold,
        closed.account_id AS closed_agent,
        closing.held AS let_go,
        closing.amount AS spent,
        CASE hold.state
            WHEN 'captured' THEN 'capture'
            WHEN 'released' THEN 'release'
            WHEN 'open' THEN NULL
            ELSE 'hold_expiry'
        END AS expected_kind
    FROM hold
    LEFT JOIN ledger_transaction AS placed
        ON placed.id = hold.placed_in
        AND placed.kind = 'hold'
        AND placed.outcome = 'done'
    LEFT JOIN started ON started.hold_id = hold.id
    LEFT JOIN ledger_transaction AS closed
        ON closed.id = hold.closed_in
        AND closed.outcome = 'done'
        AND closed.reverses IS NULL
    LEFT JOIN entry AS closing ON closing.transaction_id = hold.closed_in AND closing.leg = 0
)
SELECT coalesce(told_in, placed_in), found.what, 'hold ' || derived.id, found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('placed_in', told_in IS NOT NULL, 'the transaction of a hold', placed_in::text),
        ('id', id = expected_id AND terms ->> 'hold' = id, expected_id, id),
        ('account_id', account_id = agent, agent::text, account_id::text),
        ('credits', credits = told_credits, told_credits::text, credits::text),
        ('pinned', credits = (SELECT sum(pin) FROM unnest(pins) AS pin), credits::text, pins::text),
        ('lots', to_jsonb(lots) = terms -> 'lots', terms ->> 'lots', lots::text),
        ('pins', to_jsonb(pins) = terms -> 'pins', terms ->> 'pins', pins::text),
        ('job', to_jsonb(job) = terms -> 'job', terms ->> 'job', job),
        (
            'in_flight', in_flight = (is_started OR (terms ->> 'in_flight')::boolean),
            (is_started OR (terms ->> 'in_flight')::boolean)::text, in_flight::text
        ),
        ('expires_at', expires_at = expected_expiry, expected_expiry::text, expires_at::text),
        ('closed_in', (state = 'open') = (closed_in IS NULL), state::text, closed_in::text),
        (
            'closing', closed_kind IS NOT DISTINCT FROM expected_kind
                AND (state = 'open' OR closed_agent = account_id AND closed_hold = id),
            expected_kind, closed_kind
        ),
        ('state', state <> 'charged' OR in_flight AND captured = credits, 'captured in full', captured::text),
        ('state', state <> 'expired' OR NOT in_flight AND captured = 0, 'nothing captured', captured::text),
        ('state', state NOT IN ('open', 'released') OR captured = 0, 'nothing captured', captured::text),
        (
            'expiry',
            closed_kind <> 'hold_expiry' OR closed_at = expires_at
                OR expires_at < closed_at AND to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') = closed_truly,
            closed_at::text, expires_at::text
        ),
        ('captured', state = 'open' OR captured = -spent, (-spent)::text, captured::text),
        ('let go', state = 'open' OR let_go = -credits, (-let_go)::text, credits::text)
) AS found (what, agrees, expected, found)
WHERE found.agrees IS FALSE
    OR found.agrees IS NULL AND found.what <> 'expiry'
UNION ALL
SELECT told.id, 'hold', 'transaction ' || told.id, 'one', count(hold.id)::text
FROM ledger_transaction AS told
LEFT JOIN hold ON hold.placed_in = told.id OR hold.closed_in = told.id
WHERE told.kind IN ('hold', 'release', 'hold_expiry')
    AND told.outcome = 'done'
    -- One that came late closed nothing: the charge had.
    AND told.reverses IS NULL
GROUP BY told.id
HAVING count(hold.id) <> 1
