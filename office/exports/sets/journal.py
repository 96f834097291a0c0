"""The journal: every transaction of the book, a row for each of its legs."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        told.id, told.reference, told.kind, told.outcome, told.actor, told.created_at, told.effective_at,
        mine.name, undone.reference, CAST(told.metadata AS text),
        CAST(entry.leg AS bigint), account.name, entry.asset, entry.amount, entry.held, entry.balance_after
    FROM ledger_transaction AS told
    LEFT JOIN account AS mine ON mine.id = told.account_id
    LEFT JOIN ledger_transaction AS undone ON undone.id = told.reverses
    LEFT JOIN entry ON entry.transaction_id = told.id
    LEFT JOIN account ON account.id = entry.account_id
    WHERE told.created_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND told.created_at < :ends_at
    ORDER BY told.id, entry.leg
"""

JOURNAL: Final = of_query(
    "journal",
    "Ledger journal: every transaction, with its legs",
    (
        Column("transaction_id", "integer"),
        Column("reference"),
        Column("kind"),
        Column("outcome"),
        Column("actor"),
        Column("booked_at", "time"),
        Column("effective_at", "time"),
        Column("about_account"),
        Column("reverses_reference"),
        Column("metadata", "json"),
        Column("leg", "integer"),
        Column("account"),
        Column("asset"),
        Column("amount_units", "integer"),
        Column("held_change_units", "integer"),
        Column("shard_balance_after_units", "integer"),
    ),
    _QUERY,
)
