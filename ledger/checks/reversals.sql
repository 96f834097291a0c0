-- Each refund or dispute: what it wanted, what was taken then and later, and what undid it.
WITH later AS (
    SELECT (told.details ->> 'reversal')::bigint AS transaction_id, sum(told.credits) AS credits,
        sum(change.cents) AS cents
    FROM ledger_transaction AS told
    LEFT JOIN (
        SELECT transaction_id, sum(cents) AS cents FROM lot_entry GROUP BY transaction_id
    ) AS change ON change.transaction_id = told.id
    WHERE told.kind = 'clawback' AND told.outcome = 'done'
    GROUP BY 1
), derived AS (
    SELECT
        reversal.*,
        told.id AS told_in,
        told.credits AS taken_then,
        lot.account_id = told.account_id AS of_the_agent,
        change.cents AS cents_then,
        (
            SELECT sum(entry.amount)
            FROM entry
            JOIN account ON account.id = entry.account_id
            WHERE entry.transaction_id = told.id
                AND account.asset = 'USD'
                AND account.name NOT IN ('prepaid_liability', 'receivable')
        ) AS expected_cents,
        coalesce(later.credits, 0) AS taken_later,
        coalesce(later.cents, 0) AS cents_later,
        undoing.id AS expected_reinstated,
        greatest(0, div(
            lot.granted::numeric * (coalesce(earlier.cents, 0) + reversal.cents), nullif(lot.paid_cents, 0)
        ) - coalesce(earlier.wanted, 0)) AS expected_wanted
    FROM reversal
    LEFT JOIN lot ON lot.id = reversal.lot_id
    LEFT JOIN ledger_transaction AS told
        ON told.id = reversal.transaction_id
        AND told.kind = 'refund'
        AND told.outcome = 'done'
    LEFT JOIN lot_entry AS change ON change.transaction_id = told.id AND change.lot_id = reversal.lot_id
    LEFT JOIN later ON later.transaction_id = reversal.transaction_id
    LEFT JOIN ledger_transaction AS undoing
        ON undoing.reverses = reversal.transaction_id
        AND undoing.kind = 'reinstate'
        AND undoing.outcome = 'done'
    LEFT JOIN LATERAL (
        SELECT sum(other.cents) AS cents, sum(other.wanted) AS wanted
        FROM reversal AS other
        WHERE other.lot_id = reversal.lot_id
            AND other.transaction_id < reversal.transaction_id
            AND (other.reinstated_in IS NULL OR other.reinstated_in > reversal.transaction_id)
    ) AS earlier ON true
)
SELECT transaction_id, found.what, 'refund ' || transaction_id, found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('transaction_id', told_in IS NOT NULL, 'the transaction of a refund', transaction_id::text),
        ('lot_id', of_the_agent, 'a lot of the agent', lot_id::text),
        ('cents', cents = expected_cents, expected_cents::text, cents::text),
        ('wanted', wanted = expected_wanted, expected_wanted::text, wanted::text),
        ('taken', taken = taken_then + taken_later AND taken <= wanted, (taken_then + taken_later)::text, taken::text),
        (
            'taken_cents', taken_cents = -(coalesce(cents_then, 0) + cents_later),
            (-(coalesce(cents_then, 0) + cents_later))::text, taken_cents::text
        ),
        (
            'reinstated_in', reinstated_in IS NOT DISTINCT FROM expected_reinstated,
            expected_reinstated::text, reinstated_in::text
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
UNION ALL
SELECT told.id, 'reversal', 'transaction ' || told.id, 'one', 'none'
FROM ledger_transaction AS told
WHERE told.outcome = 'done'
    AND (
        told.kind = 'refund' AND NOT EXISTS (SELECT FROM reversal WHERE reversal.transaction_id = told.id)
        OR told.kind = 'reinstate' AND NOT EXISTS (SELECT FROM reversal WHERE reversal.reinstated_in = told.id)
    )
