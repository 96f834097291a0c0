-- Each leaf of a seal: that it is the hash of its transaction as it stands, and that none was left out.
WITH account_text AS (
    SELECT id, name, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS opened FROM account
), legs AS (
    SELECT
        entry.transaction_id,
        encode(sha256(convert_to(string_agg(
            concat_ws('|',
                entry.leg, entry.account_id, mine.name, entry.shard, entry.asset, entry.amount, entry.held, entry.seq,
                entry.balance_after, entry.held_after, encode(entry.hash, 'hex'),
                to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                CASE entry.seq WHEN 1 THEN mine.opened END
            ),
            E'\n' ORDER BY entry.leg
        ), 'UTF8')), 'hex') AS hash
    FROM entry
    LEFT JOIN account_text AS mine ON mine.id = entry.account_id
    GROUP BY entry.transaction_id
), changes AS (
    SELECT
        transaction_id,
        jsonb_agg(to_jsonb(lot_entry) - 'transaction_id' - 'lot_id' || jsonb_build_object('lot', lot_id) ORDER BY place)
            AS lots
    FROM lot_entry
    GROUP BY transaction_id
), derived AS (
    SELECT
        leaf.*,
        told.id AS told_id,
        told.xid AS told_xid,
        lag(leaf.xid) OVER (ORDER BY leaf.seal, leaf.place) AS xid_before,
        lag(leaf.transaction_id) OVER (ORDER BY leaf.seal, leaf.place) AS id_before,
        row_number() OVER (PARTITION BY leaf.seal ORDER BY leaf.place) - 1 AS expected_place,
        sha256('\x00'::bytea || convert_to(jsonb_build_object(
            'transaction', jsonb_build_object(
                'id', told.id,
                'reference', told.reference,
                'request_hash', encode(told.request_hash, 'hex'),
                'kind', told.kind,
                'outcome', told.outcome,
                'account_id', told.account_id,
                'account', mine.name,
                'credits', told.credits,
                'reverses', told.reverses,
                'effective_at', CASE WHEN isfinite(told.effective_at)
                    THEN to_char(told.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
                'created_at', CASE WHEN isfinite(told.created_at)
                    THEN to_char(told.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
                'actor', told.actor,
                'metadata', told.metadata,
                'details', told.details,
                'hash', encode(told.hash, 'hex'),
                'xid', told.xid::text
            ),
            'entries', legs.hash,
            'lots', changes.lots,
            'granted', CASE WHEN lot.id IS NOT NULL THEN jsonb_build_object(
                'lot', lot.id, 'promotional', lot.promotional, 'priority', lot.priority,
                'effective_at', CASE WHEN isfinite(lot.effective_at)
                    THEN to_char(lot.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
                'expires_at', CASE WHEN isfinite(lot.expires_at)
                    THEN to_char(lot.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
                'credits', lot.granted, 'cents', lot.paid_cents
            ) END,
            'reversed', CASE WHEN reversal.lot_id IS NOT NULL THEN jsonb_build_object(
                'lot', reversal.lot_id, 'cents', reversal.cents, 'credits', reversal.wanted
            ) END
        )::text, 'UTF8')) AS expected_hash
    FROM seal_leaf AS leaf
    LEFT JOIN ledger_transaction AS told ON told.id = leaf.transaction_id
    LEFT JOIN account_text AS mine ON mine.id = told.account_id
    LEFT JOIN legs ON legs.transaction_id = told.id
    LEFT JOIN changes ON changes.transaction_id = told.id
    LEFT JOIN lot ON lot.granted_in = told.id
    LEFT JOIN reversal ON reversal.transaction_id = told.id
), last AS (
    SELECT xid, transaction_id FROM seal_leaf ORDER BY seal DESC, place DESC LIMIT 1
)
SELECT transaction_id, found.what, concat_ws(' ', 'seal', seal, 'leaf', place), found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('sealed transaction', told_id IS NOT NULL, transaction_id::text, 'none'),
        ('sealed content', hash = expected_hash, encode(hash, 'hex'), encode(expected_hash, 'hex')),
        ('xid', xid = told_xid, xid::text, told_xid::text),
        ('place', place = expected_place, expected_place::text, place::text),
        (
            'order of sealing', xid_before IS NULL OR (xid, transaction_id) > (xid_before, id_before),
            'after ' || id_before, transaction_id::text
        )
) AS found (what, agrees, expected, found)
WHERE (told_id IS NOT NULL AND hash = expected_hash AND xid = told_xid AND place = expected_place
    AND (xid_before IS NULL OR (xid, transaction_id) > (xid_before, id_before))) IS NOT TRUE
    AND found.agrees IS NOT TRUE
    AND (found.what = 'sealed transaction' OR told_id IS NOT NULL)
UNION ALL
SELECT told.id, 'leaf', 'transaction ' || told.id, 'one, others of its time are sealed', 'none'
FROM ledger_transaction AS told
JOIN last ON (told.xid, told.id) <= (last.xid, last.transaction_id)
WHERE NOT EXISTS (SELECT FROM seal_leaf WHERE seal_leaf.transaction_id = told.id)
