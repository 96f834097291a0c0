"""POST /v1/agent-claims: an agent names the inbox of whoever may claim it. It stays unclaimed."""

from fastapi import APIRouter, Request
from pydantic import field_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app import agents, boundary, claims, envelope
from app.api.fields import ClosedRequest, inbox
from app.doors import Here, Knocking
from app.validation import CONTACT_ERROR

router = APIRouter(route_class=boundary.GuardedRoute)


class ClaimRequest(ClosedRequest):
    """Whom to ask."""

    contact: str

    @field_validator("contact", mode="before")
    @classmethod
    def _email_shaped(cls, given: object) -> object:
        contact = inbox(given)
        if contact is None:
            raise PydanticCustomError(CONTACT_ERROR, "contact must be an email-shaped durable contact inbox")
        return contact


@router.post("/v1/agent-claims")
def claim(request: Request, here: Here, known: Knocking, asked: ClaimRequest) -> Response:
    """The contact that is attached now, which is no proof of ownership and changes no right."""
    agent = known.agent
    with here.sessions() as session:
        state = claims.request(session, agent_id=agent.agent_id, contact=asked.contact, now=here.clock())
    data = {
        "state": state,
        "claim_state": agent.claim_state,
        "claim_request_state": claims.REQUESTED,
        "contact": agents.redacted(asked.contact),
    }
    return envelope.success(request, data=data, agent=agent)
