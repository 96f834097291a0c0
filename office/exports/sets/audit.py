"""The audit log: what people did, and what the service did by itself, in one list."""

from typing import Final

from office.exports.columns import Column
from office.exports.data_set import of_query

_QUERY: Final = """
    SELECT
        told.at, told.source, told.id, told.actor, told.via, told.role, told.action, told.about_kind,
        told.about_id, told.outcome, told.reason, CAST(told.before AS text), CAST(told.after AS text)
    FROM audit_trail AS told
    WHERE told.at >= coalesce(CAST(:begins_at AS timestamptz), '-infinity')
        AND told.at < :ends_at
    ORDER BY told.at, told.source, told.id
"""

AUDIT: Final = of_query(
    "audit",
    "Audit log: every action of people and of the service",
    (
        Column("at", "time"),
        Column("kept_in"),
        Column("number"),
        Column("actor"),
        Column("via"),
        Column("role"),
        Column("action"),
        Column("about_kind"),
        Column("about_id"),
        Column("outcome"),
        Column("reason"),
        Column("before", "json"),
        Column("after", "json"),
    ),
    _QUERY,
)
