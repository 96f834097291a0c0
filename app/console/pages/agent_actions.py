"""What operators do to agents: freeze their spending, lift a freeze, revoke their token."""

from typing import Annotated

from fastapi import APIRouter
from starlette.responses import Response

from app import agents as tokens
from app.console.reasons import Reason
from app.console.show import PATH, done
from app.console.visit import Visit, allowed
from office import agents, freezing

router = APIRouter(prefix="/agents")
Freezing = Annotated[Visit, allowed("freeze")]
Revoking = Annotated[Visit, allowed("revoke_token")]


@router.post("/{agent_id}/freeze")
def freeze(visit: Freezing, agent_id: str, reason: Reason) -> Response:
    """Have the book refuse what the agent wants to spend from now on."""
    with visit.house.sessions() as session:
        made = freezing.freeze(session, visit.actor, agent_id=agent_id, reason=reason, now=visit.now)
        freeze_id = made.freeze_id
    return done(
        visit,
        f"{PATH}/agents/{agent_id}/freezes",
        "The agent may spend nothing new. Holds that stand are settled as ever.",
        freeze_id=freeze_id,
    )


@router.post("/{agent_id}/freezes/{freeze_id}/lift")
def lift(visit: Freezing, agent_id: str, freeze_id: int, reason: Reason) -> Response:
    """Lift one freeze, for good."""
    with visit.house.sessions() as session:
        left = freezing.lift(
            session, visit.actor, agent_id=agent_id, freeze_id=freeze_id, reason=reason, now=visit.now
        )
    others = "Another freeze stands" if left == 1 else f"{left} other freezes stand"
    said = f"Lifted. {others}: the agent still may spend nothing new." if left else ""
    return done(
        visit,
        f"{PATH}/agents/{agent_id}/freezes",
        said or "Lifted. The agent may spend again.",
        standing=left,
    )


@router.post("/{agent_id}/revoke-token")
def revoke(visit: Revoking, agent_id: str, reason: Reason) -> Response:
    """Refuse the agent's token from the next request on."""
    with visit.house.sessions() as session:
        agents.profile(session, agent_id=agent_id)
        tokens.take_token(session, visit.actor, agent_id=agent_id, reason=reason, now=visit.now)
    return done(
        visit,
        f"{PATH}/agents/{agent_id}/tokens",
        "The token opens nothing any more. The credits stay, and signing up again makes a new token.",
    )
