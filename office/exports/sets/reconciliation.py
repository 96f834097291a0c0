"""Items of reconciliation: two witnesses of the same money, and whether they agree."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        item.item_id, item.subject, item.matter, item.payment_attempt_id, item.state, item.asset,
        CAST(item.expected_units AS text), CAST(item.found_units AS text), item.day, item.opened_at,
        item.closed_at, item.how
    FROM reconciliation_item AS item
    WHERE item.opened_at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND item.opened_at < :ends_at
    ORDER BY item.item_id
"""

RECONCILIATION: Final = of_query(
    "reconciliation",
    "Items of reconciliation",
    (
        Column("item_id", "integer"),
        Column("subject"),
        Column("matter"),
        Column("payment_attempt_id"),
        Column("state"),
        Column("asset"),
        Column("expected_units", "units"),
        Column("found_units", "units"),
        Column("day", "date"),
        Column("opened_at", "time"),
        Column("closed_at", "time"),
        Column("how"),
    ),
    _QUERY,
)
