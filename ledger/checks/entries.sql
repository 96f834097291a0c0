-- Each entry after the one before it in its row: seq, running sums, the chain of hashes, and its transaction.
WITH told AS (
    SELECT
        entry.*,
        account.name AS account_name,
        account.asset AS account_asset,
        account.class_name = 'agent' AS of_agent,
        transaction.id IS NOT NULL AS is_told,
        transaction.hash AS told_hash,
        transaction.account_id AS about,
        transaction.created_at AS booked_at,
        row_number() OVER line AS expected_seq,
        sum(entry.amount) OVER line AS expected_balance,
        sum(entry.held) OVER line AS expected_held,
        coalesce(lag(entry.hash) OVER line, '') AS previous_hash,
        lag(entry.created_at) OVER line AS previous_at
    FROM entry
    LEFT JOIN account ON account.id = entry.account_id
    LEFT JOIN ledger_transaction AS transaction ON transaction.id = entry.transaction_id
    WINDOW line AS (PARTITION BY entry.account_id, entry.shard ORDER BY entry.seq)
), derived AS (
    SELECT
        told.*,
        sha256(previous_hash || told_hash || convert_to(concat_ws('|',
            account_name, shard, seq, amount, balance_after, held, held_after
        ), 'UTF8')) AS expected_hash
    FROM told
), broken AS (
    SELECT derived.*
    FROM derived
    WHERE (
        is_told
        AND seq = expected_seq
        AND balance_after = expected_balance
        AND held_after = expected_held
        AND hash = expected_hash
        AND created_at = booked_at
        AND (previous_at IS NULL OR created_at > previous_at)
        AND asset = account_asset
        AND (NOT of_agent OR leg = 0 AND account_id = about)
        AND (of_agent OR held = 0)
    ) IS NOT TRUE
)
SELECT
    transaction_id, found.what, concat_ws(' ', account_name, 'shard', shard, 'entry', seq), found.expected, found.found
FROM broken
CROSS JOIN LATERAL (
    VALUES
        ('account', account_name IS NOT NULL, account_id::text, 'none'),
        ('transaction', is_told, transaction_id::text, 'none'),
        ('asset', asset = account_asset, account_asset, asset),
        ('seq', seq = expected_seq, expected_seq::text, seq::text),
        ('balance_after', balance_after = expected_balance, expected_balance::text, balance_after::text),
        ('held_after', held_after = expected_held, expected_held::text, held_after::text),
        ('hash', hash = expected_hash, encode(expected_hash, 'hex'), encode(hash, 'hex')),
        ('created_at', created_at = booked_at, booked_at::text, created_at::text),
        ('order', previous_at IS NULL OR created_at > previous_at, 'after ' || previous_at, created_at::text),
        ('owner', NOT of_agent OR leg = 0 AND account_id = about, 'the agent it is about', account_id::text),
        ('held', of_agent OR held = 0, '0', held::text)
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
    AND (found.what IN ('account', 'transaction') OR account_name IS NOT NULL AND is_told)
