"""Claims: an agent names the inbox of whoever may take responsibility for it. Naming it proves nothing."""

from datetime import datetime
from typing import Final, Literal

from sqlmodel import Session, col, select

from app.models import Agent, AgentClaim

NONE: Final = "none"
REQUESTED: Final = "requested"

ClaimRequestState = Literal["none", "requested"]


def request(
    session: Session, *, agent_id: str, contact: str, now: datetime
) -> Literal["attached", "unchanged"]:
    """Attach `contact`, in place of another one; say it again and nothing changes."""
    # Two requests at once would both find the old contact and both attach the same new one.
    session.exec(select(Agent.agent_id).where(Agent.agent_id == agent_id).with_for_update()).one()
    if _contact(session, agent_id) == contact:
        return "unchanged"
    session.add(AgentClaim(agent_id=agent_id, contact=contact, requested_at=now))
    session.flush()
    return "attached"


def state_of(session: Session, *, agent_id: str) -> ClaimRequestState:
    """Whether the agent has named an inbox."""
    return NONE if _contact(session, agent_id) is None else REQUESTED


def _contact(session: Session, agent_id: str) -> str | None:
    return session.exec(
        select(AgentClaim.contact)
        .where(AgentClaim.agent_id == agent_id)
        .order_by(col(AgentClaim.number).desc())
        .limit(1)
    ).one_or_none()
