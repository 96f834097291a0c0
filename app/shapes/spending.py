"""What an agent may buy in a day, as replies show it."""

from datetime import datetime

from app.envelope import Fields
from app.house import House
from app.times import iso
from rails import spending


def fields(*, limit_cents: int, used_cents: int, remaining_cents: int, resets_at: datetime) -> Fields:
    """The limit, and what is used and left of it, in cents."""
    return {
        "limit_cents": limit_cents,
        "used_cents": used_cents,
        "remaining_cents": remaining_cents,
        "resets_at": iso(resets_at),
    }


def spend_limit(here: House, *, agent_id: str) -> Fields:
    """`spend_limit` of an agent, nothing if there is no limit."""
    with here.sessions() as session:
        left = spending.allowance(session, agent_id=agent_id, now=here.clock())
    if left is None:
        return {}
    told = fields(
        limit_cents=left.limit_cents,
        used_cents=left.used_cents,
        remaining_cents=left.remaining_cents,
        resets_at=left.resets_at,
    )
    return {"spend_limit": told}
