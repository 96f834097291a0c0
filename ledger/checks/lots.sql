-- Each lot: its grant, the sums of its changes, what holds pin of it, and what refunds still want.
WITH worth AS (
    SELECT
        lot_id, sum(credits) AS credits, sum(used) AS used, sum(cents) AS cents, sum(cents_used) AS cents_used,
        min(transaction_id) AS first_in
    FROM lot_entry
    GROUP BY lot_id
), pinned AS (
    SELECT pin.lot_id, sum(pin.credits) AS credits
    FROM hold
    CROSS JOIN LATERAL unnest(hold.lots, hold.pins) AS pin (lot_id, credits)
    WHERE hold.state = 'open'
    GROUP BY pin.lot_id
), wanted AS (
    SELECT lot_id, sum(wanted - taken) AS credits
    FROM reversal
    WHERE reinstated_in IS NULL
    GROUP BY lot_id
), begun AS (
    SELECT (details ->> 'lot')::bigint AS lot_id, count(*) AS times
    FROM ledger_transaction
    WHERE kind = 'lot_begin' AND outcome = 'done'
    GROUP BY 1
), derived AS (
    SELECT
        lot.*,
        coalesce(lot.id, worth.lot_id) AS lot_id,
        coalesce(lot.granted_in, worth.first_in) AS told_in,
        told.id IS NOT NULL AS is_granted,
        told.account_id AS agent,
        told.credits AS told_credits,
        told.effective_at AS told_at,
        told.metadata ->> 'happened_at' AS true_time,
        given.credits AS given_credits,
        given.cents AS given_cents,
        worth.credits AS expected_credits,
        worth.used AS expected_used,
        worth.cents AS expected_cents,
        worth.cents_used AS expected_cents_used,
        mine.held > 0 AND coalesce(begun.times, 0) = 0 AS expected_pending,
        coalesce(begun.times, 0) <= CASE WHEN mine.held > 0 THEN 1 ELSE 0 END AS begun_once,
        CASE
            WHEN mine.held > 0 AND begun.times IS NULL THEN worth.credits
            ELSE coalesce(pinned.credits, 0)
        END AS expected_held,
        coalesce(wanted.credits, 0) AS expected_reversing
    FROM lot
    FULL JOIN worth ON worth.lot_id = lot.id
    LEFT JOIN ledger_transaction AS told
        ON told.id = lot.granted_in
        AND told.kind = 'grant'
        AND told.outcome = 'done'
        AND told.details ->> 'lot' = lot.id::text
    LEFT JOIN lot_entry AS given ON given.transaction_id = lot.granted_in AND given.lot_id = lot.id
    LEFT JOIN entry AS mine ON mine.transaction_id = lot.granted_in AND mine.leg = 0
    LEFT JOIN pinned ON pinned.lot_id = lot.id
    LEFT JOIN wanted ON wanted.lot_id = lot.id
    LEFT JOIN begun ON begun.lot_id = lot.id
)
SELECT told_in, found.what, 'lot ' || lot_id, found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('lot row', id IS NOT NULL, 'one', 'none'),
        ('granted_in', is_granted, 'the grant of the lot', granted_in::text),
        ('account_id', account_id = agent, agent::text, account_id::text),
        (
            'effective_at',
            -- Of a month that was closed when it was told: the lot begins when it began.
            effective_at = told_at OR effective_at < told_at AND to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') = true_time,
            told_at::text, effective_at::text
        ),
        ('expires_at', expires_at > effective_at, 'after ' || effective_at, expires_at::text),
        ('granted', granted = told_credits AND granted = given_credits, told_credits::text, granted::text),
        ('paid_cents', paid_cents = given_cents, given_cents::text, paid_cents::text),
        ('promotional', NOT promotional OR paid_cents = 0, 'not paid for', paid_cents::text),
        ('credits', credits = expected_credits, expected_credits::text, credits::text),
        ('used', used = expected_used, expected_used::text, used::text),
        ('cents', cents = expected_cents, expected_cents::text, cents::text),
        ('cents_used', cents_used = expected_cents_used, expected_cents_used::text, cents_used::text),
        ('held', held = expected_held, expected_held::text, held::text),
        ('reversing', reversing = expected_reversing, expected_reversing::text, reversing::text),
        ('free credits', reversing = 0 OR pending OR credits = used + held, '0, a refund wants them', 'more'),
        ('pending', pending = expected_pending AND begun_once, expected_pending::text, pending::text),
        ('open', open = (used < credits), (used < credits)::text, open::text),
        ('overdrawn', used >= 0 AND held >= 0 AND used + held <= credits, credits::text, (used + held)::text),
        ('cents left', cents_used BETWEEN 0 AND cents AND (open OR cents_used = cents), cents::text, cents_used::text)
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
    AND (found.what = 'lot row' OR id IS NOT NULL)
UNION ALL
SELECT told.id, 'lot', 'transaction ' || told.id, 'one', 'none'
FROM ledger_transaction AS told
WHERE told.kind = 'grant'
    AND told.outcome = 'done'
    AND NOT EXISTS (SELECT FROM lot WHERE lot.granted_in = told.id)
