"""What every agent holds when the period ends."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

# Agents whose newest entry is older need no search. By the time of booking, as the trial balance.
_QUERY: Final = """
    SELECT
        substr(account.name, 7), agent.agent_name, agent.runtime, agent.created_at,
        line.posted, line.held, line.posted - line.held, balance.frozen, nullif(balance.last_at, '-infinity')
    FROM account
    JOIN balance ON balance.account_id = account.id
    CROSS JOIN LATERAL (
        SELECT balance.posted, balance.held
        WHERE balance.last_at < :ends_at
        UNION ALL
        SELECT past.posted, past.held
        FROM shards_at(account.id, CAST(:ends_at AS timestamptz) - interval '1 microsecond') AS past
        WHERE balance.last_at >= :ends_at
            AND past.shard = balance.shard
    ) AS line (posted, held)
    LEFT JOIN agent ON agent.agent_id = substr(account.name, 7)
    WHERE account.class_name = 'agent'
        AND (CAST(:agent AS text) IS NULL OR account.name = 'agent:' || CAST(:agent AS text))
    ORDER BY account.id
"""

BALANCES: Final = of_query(
    "balances",
    "Balances of all agents",
    (
        Column("agent_id"),
        Column("agent_name"),
        Column("runtime"),
        Column("signed_up_at", "time"),
        Column("posted_credits", "integer"),
        Column("held_credits", "integer"),
        Column("available_credits", "integer"),
        Column("frozen_now", "flag"),
        Column("last_booked_at", "time"),
    ),
    _QUERY,
    of_agents=True,
    at_its_end=True,
)
