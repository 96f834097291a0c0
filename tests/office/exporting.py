"""What the tests of exports share: an export written at once, in memory."""

import io
from datetime import UTC, datetime

from ledger.database import Sessions
from office.exports import catalogue, snapshot
from office.exports.scope import Scope

LATER = datetime(2099, 1, 1, tzinfo=UTC)


def written(
    sessions: Sessions,
    data_set: str,
    format_name: str,
    *,
    begins_at: datetime | None = None,
    ends_at: datetime = LATER,
    agent_id: str | None = None,
) -> bytes:
    """The whole of an export."""
    scope = Scope(ends_at=ends_at, begins_at=begins_at, agent_id=agent_id)
    order = catalogue.order(data_set=data_set, format_name=format_name, scope=scope)
    out = io.BytesIO()
    with snapshot.opened(sessions) as session:
        catalogue.write(session, order, out, told=lambda _: None)
    return out.getvalue()
