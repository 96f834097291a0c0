-- Each day of free jobs: no more of them than jobs that the agent began that day.
SELECT NULL::bigint, found.what, concat_ws(' ', account.name, preview_day.day), found.expected, found.found
FROM preview_day
LEFT JOIN account ON account.id = preview_day.account_id AND account.class_name = 'agent'
LEFT JOIN (
    SELECT
        account_id,
        left(coalesce(metadata ->> 'happened_at', to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 10) AS day,
        count(*) AS jobs
    FROM ledger_transaction
    WHERE kind IN ('hold', 'debit') AND outcome = 'done'
    GROUP BY 1, 2
) AS begun ON begun.account_id = preview_day.account_id AND begun.day = preview_day.day::text
CROSS JOIN LATERAL (
    VALUES
        ('account', account.id IS NOT NULL, 'an agent', preview_day.account_id::text),
        (
            'free jobs', preview_day.jobs BETWEEN 1 AND begun.jobs,
            'from 1 to ' || coalesce(begun.jobs, 0), preview_day.jobs::text
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
