-- Each account: its class, its asset, and that it has a row. When it was opened is in the seals.
SELECT NULL::bigint, found.what, account.name, found.expected, found.found
FROM account
LEFT JOIN account_class ON account_class.name = account.class_name
CROSS JOIN LATERAL (
    VALUES
        ('asset', account.asset = account_class.asset, account_class.asset, account.asset),
        (
            'class_name', account.class_name = split_part(account.name, ':', 1),
            split_part(account.name, ':', 1), account.class_name
        ),
        (
            'balance row', EXISTS (SELECT FROM balance WHERE balance.account_id = account.id), 'one or more', 'none'
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
