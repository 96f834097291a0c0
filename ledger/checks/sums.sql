-- What the legs of each transaction sum to: zero in every asset, and for an agent what became of its lots.
SELECT
    entry.transaction_id, 'sum', concat_ws(' ', 'transaction', entry.transaction_id, account.asset), '0',
    sum(entry.amount)::text
FROM entry
LEFT JOIN account ON account.id = entry.account_id
GROUP BY entry.transaction_id, account.asset
HAVING sum(entry.amount) <> 0
UNION ALL
SELECT
    transaction_id, found.what, 'transaction ' || transaction_id,
    coalesce(found.expected, 0)::text, coalesce(found.found, 0)::text
FROM (
    SELECT transaction_id, sum(credits - used) AS credits, sum(cents - cents_used) AS cents
    FROM lot_entry
    GROUP BY transaction_id
) AS lots
FULL JOIN (
    SELECT
        entry.transaction_id,
        sum(entry.amount) FILTER (WHERE account.class_name = 'agent') AS credits,
        sum(entry.amount) FILTER (WHERE account.name = 'prepaid_liability') AS cents
    FROM entry
    JOIN account ON account.id = entry.account_id AND account.class_name IN ('agent', 'prepaid_liability')
    GROUP BY entry.transaction_id
) AS legs USING (transaction_id)
CROSS JOIN LATERAL (
    VALUES
        ('credits of the lots', legs.credits, lots.credits),
        ('cents of the lots', legs.cents, lots.cents)
) AS found (what, expected, found)
WHERE coalesce(found.expected, 0) <> coalesce(found.found, 0)
