-- Each balance row: the sums of its entries, its newest entry, and for an agent its lots, holds, freezes and clock.
WITH newest AS (
    SELECT DISTINCT ON (account_id, shard)
        account_id, shard, seq, hash, created_at
    FROM entry
    ORDER BY account_id, shard, seq DESC
), derived AS (
    SELECT account_id, shard, sum(amount) AS posted, sum(held) AS held
    FROM entry
    GROUP BY account_id, shard
), lots AS (
    SELECT
        account_id,
        sum(credits - used) AS credits,
        sum(held) FILTER (WHERE pending) AS pending,
        min(CASE WHEN pending THEN effective_at ELSE expires_at END)
            FILTER (WHERE open AND (pending OR used + held < credits)) AS due_at
    FROM lot
    GROUP BY account_id
), holds AS (
    SELECT account_id, sum(credits) AS credits, min(expires_at) AS due_at
    FROM hold
    WHERE state = 'open'
    GROUP BY account_id
), frozen AS (
    SELECT 'agent:' || agent_freeze.agent_id AS name
    FROM agent_freeze
    WHERE NOT EXISTS (SELECT FROM agent_thaw WHERE agent_thaw.freeze_id = agent_freeze.freeze_id)
)
SELECT NULL::bigint, found.what, concat_ws(' ', account.name, 'shard', shard), found.expected, found.found
FROM balance
FULL JOIN (derived JOIN newest USING (account_id, shard)) USING (account_id, shard)
LEFT JOIN account ON account.id = account_id
LEFT JOIN account_class ON account_class.name = account.class_name
LEFT JOIN lots USING (account_id)
LEFT JOIN holds USING (account_id)
CROSS JOIN LATERAL (
    VALUES
        ('balance row', balance.posted IS NOT NULL, 'one', 'none'),
        ('account', account.name IS NOT NULL, account_id::text, 'none'),
        ('shard', shard BETWEEN 0 AND account_class.shards - 1, 'less than ' || account_class.shards, shard::text),
        (
            'posted', balance.posted = coalesce(derived.posted, 0),
            coalesce(derived.posted, 0)::text, balance.posted::text
        ),
        ('held', balance.held = coalesce(derived.held, 0), coalesce(derived.held, 0)::text, balance.held::text),
        ('seq', balance.seq = coalesce(newest.seq, 0), coalesce(newest.seq, 0)::text, balance.seq::text),
        (
            'head', balance.head = coalesce(newest.hash, ''),
            encode(coalesce(newest.hash, ''), 'hex'), encode(balance.head, 'hex')
        ),
        (
            'last_at', balance.last_at = coalesce(newest.created_at, '-infinity'),
            coalesce(newest.created_at, '-infinity')::text, balance.last_at::text
        ),
        (
            'floor', balance.floor IS NOT DISTINCT FROM account_class.floor,
            coalesce(account_class.floor::text, 'none'), coalesce(balance.floor::text, 'none')
        ),
        (
            'lots', account.class_name <> 'agent' OR balance.posted = coalesce(lots.credits, 0),
            balance.posted::text, coalesce(lots.credits, 0)::text
        ),
        (
            'holds',
            account.class_name <> 'agent'
                OR balance.held = coalesce(holds.credits, 0) + coalesce(lots.pending, 0),
            balance.held::text, (coalesce(holds.credits, 0) + coalesce(lots.pending, 0))::text
        ),
        (
            -- Earlier is harmless: the book looks, finds nothing due and sets it right.
            'due_at',
            CASE
                WHEN account.class_name = 'agent' THEN balance.due_at <= least(lots.due_at, holds.due_at, 'infinity')
                ELSE balance.due_at = 'infinity'
            END,
            'not after ' || least(lots.due_at, holds.due_at, 'infinity'), balance.due_at::text
        ),
        (
            'frozen', balance.frozen = (account.name IN (SELECT frozen.name FROM frozen)),
            (account.name IN (SELECT frozen.name FROM frozen))::text, balance.frozen::text
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
    AND (found.what = 'balance row' OR balance.posted IS NOT NULL)
    AND (found.what IN ('balance row', 'account') OR account.name IS NOT NULL)
UNION ALL
SELECT NULL, 'prepaid_liability', 'all lots', coalesce(lots.cents, 0)::text, coalesce(owed.cents, 0)::text
FROM (SELECT sum(cents - cents_used) AS cents FROM lot) AS lots
CROSS JOIN (
    SELECT sum(balance.posted) AS cents
    FROM balance
    JOIN account ON account.id = balance.account_id
    WHERE account.name = 'prepaid_liability'
) AS owed
WHERE coalesce(lots.cents, 0) <> coalesce(owed.cents, 0)
