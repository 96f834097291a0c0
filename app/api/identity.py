"""GET /v1/whoami and GET /v1/quota: who the token belongs to, and what that agent may spend."""

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from app import agents, boundary, claims, envelope
from app.doors import Here, Knocking
from app.shapes.quota import quota
from app.times import iso

GRANTS: Final = (
    "identity.read",
    "claim.request",
    "quota.read",
    "credits.quote",
    "credits.buy",
    "credits.status",
    "activity.read",
)

router = APIRouter(route_class=boundary.GuardedRoute)


@router.get("/v1/whoami")
def whoami(request: Request, here: Here, known: Knocking) -> Response:
    """The durable identity behind the token, and what it may do."""
    agent = known.agent
    with here.sessions() as session:
        claim_request_state = claims.state_of(session, agent_id=agent.agent_id)
    data = {
        "authenticated": True,
        # Clients pass this word on to the agent, and the only token they send is one they have loaded.
        "session_origin": "loaded_from_config",
        "actor": envelope.actor(agent),
        "organization": {"organization_id": agent.organization_id},
        "agent_contact": agents.redacted(agent.contact),
        "agent_name": agent.agent_name,
        "runtime": agent.runtime,
        "claim_state": agent.claim_state,
        "claim_request_state": claim_request_state,
        "token_class": "restricted",
        "token_status": "active",
        "token_created_at": iso(known.token_created_at),
        "grants": list(GRANTS),
    }
    return envelope.success(request, data=data, agent=agent)


@router.get("/v1/quota")
def usage_quota(request: Request, here: Here, known: Knocking) -> Response:
    """The balance, and how to raise it."""
    return envelope.success(request, data=quota(here, known), agent=known.agent)
