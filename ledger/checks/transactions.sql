-- Each transaction by itself: its hash, whom it is about, what it takes back, and the legs that its kind has.
WITH leg AS (
    SELECT
        transaction_id,
        count(*) AS legs,
        min(leg) = 0 AND max(leg) = count(*) - 1 AS gapless,
        bool_or(amount <> 0) AS moves
    FROM entry
    GROUP BY transaction_id
), change AS (
    SELECT transaction_id, min(place) = 1 AND max(place) = count(*) AS gapless
    FROM lot_entry
    GROUP BY transaction_id
), derived AS (
    SELECT
        told.id,
        told.kind,
        told.outcome = 'done' AS done,
        told.hash,
        sha256(convert_to(concat_ws('|',
            told.id, encode(told.request_hash, 'hex'), told.kind, told.outcome, coalesce(told.account_id, 0),
            coalesce(told.credits, 0), coalesce(told.reverses, 0),
            CASE WHEN isfinite(told.effective_at) THEN extract(epoch FROM told.effective_at) * 1000000 END::bigint,
            CASE WHEN isfinite(told.created_at) THEN extract(epoch FROM told.created_at) * 1000000 END::bigint,
            told.actor, told.metadata, coalesce(told.details, '{}'), told.reference
        ), 'UTF8')) AS expected_hash,
        told.account_id IS NULL OR account.class_name = 'agent' AS about_an_agent,
        told.account_id,
        told.reverses IS NULL OR undone.id < told.id AS undoes_an_older_one,
        told.reverses,
        coalesce(leg.legs, 0) AS legs,
        coalesce(leg.gapless, true) AND coalesce(change.gapless, true) AS gapless,
        CASE
            WHEN told.outcome <> 'done' OR told.kind = 'start' THEN leg.legs IS NULL AND change.gapless IS NULL
            WHEN told.kind IN ('capture', 'release') AND told.reverses IS NOT NULL AND told.credits = 0 THEN leg.legs IS NULL
            WHEN leg.legs = 1 THEN told.kind IN ('hold', 'release', 'lot_begin', 'hold_expiry') AND NOT leg.moves
            ELSE leg.legs >= 2
        END AS has_its_legs
    FROM ledger_transaction AS told
    LEFT JOIN account ON account.id = told.account_id
    LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses AND undone.outcome = 'done'
    LEFT JOIN leg ON leg.transaction_id = told.id
    LEFT JOIN change ON change.transaction_id = told.id
)
SELECT derived.id, found.what, 'transaction ' || derived.id, found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('told', hash = expected_hash, encode(expected_hash, 'hex'), encode(hash, 'hex')),
        ('agent', about_an_agent, 'an account of an agent', account_id::text),
        ('reverses', undoes_an_older_one, 'an older transaction that was done', reverses::text),
        ('legs', has_its_legs, 'as many as of the kind ' || CASE WHEN done THEN kind ELSE 'refused' END, legs::text),
        ('order', gapless, 'legs and lots counted without a gap', 'a gap')
) AS found (what, agrees, expected, found)
WHERE NOT coalesce(hash = expected_hash AND about_an_agent AND undoes_an_older_one AND has_its_legs AND gapless, false)
    AND found.agrees IS NOT TRUE
