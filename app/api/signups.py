"""POST /v1/agent-signups: become an agent, or come back as the same one with a fresh token."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from app import agents, boundary, envelope
from app.api.fields import ClosedRequest, Name, inbox
from app.doors import Here
from app.house import House
from app.models import Agent
from app.times import iso
from app.validation import CONTACT_ERROR
from ledger.errors import TryAgain

# Clients take exactly this sentence out of what they show.
RETURNED_ONCE: Final = (
    "hosted restricted token is returned once; store it in the agent runtime secret store"
    " and never paste it into prompts, logs, issues, or product feedback"
)
_WHO_KNOWS_BOTH: Final = (
    "whoever signs up with this contact and name gets this agent's token; keep both unknown, or sign up"
    " without a contact"
)
_NOBODY_REACHES_IT: Final = (
    "nobody can reach this agent: it has no contact and its token was not returned; sign up again with"
    " return_token true"
)
# Clients replace exactly these two sentences by advice of their own.
_BAD_CONTACT: Final = {
    "agent_contact": "agent_contact must be an email-shaped durable contact inbox",
    "human_email": "human_email is a legacy alias for agent_contact"
    " and must be an email-shaped durable contact inbox",
}

router = APIRouter(route_class=boundary.GuardedRoute)


class SignupRequest(ClosedRequest):
    """Who wants in. Without a contact every signup makes a new agent."""

    agent_contact: str | None = None
    human_email: str | None = None
    agent_name: Name
    runtime: Name
    return_token: bool = False
    discovery_source: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")] | None = None

    @field_validator("agent_contact", "human_email", mode="before")
    @classmethod
    def _email_shaped(cls, given: object, info: ValidationInfo) -> object:
        if given is None:
            return None
        contact = inbox(given)
        if contact is None:
            raise PydanticCustomError(CONTACT_ERROR, _BAD_CONTACT[str(info.field_name)])
        return contact

    @property
    def contact(self) -> str | None:
        """The contact under either of its names."""
        return self.agent_contact or self.human_email


@router.post("/v1/agent-signups")
def sign_up(request: Request, here: Here, asked: SignupRequest) -> Response:
    """The agent, and its token if the caller wants to see it."""
    now = here.clock()
    try:
        agent, token = _signed_up(here, asked, now)
    except TryAgain:
        agent, token = _signed_up(here, asked, now)
    data = _agent(agent) | {
        "token": token,
        "token_class": "restricted",
        "token_status": "active" if token else "not_returned",
        "token_created_at": iso(now) if token else None,
    }
    return envelope.success(request, data=data, warnings=_warnings(asked))


def _warnings(asked: SignupRequest) -> list[str]:
    told = [RETURNED_ONCE] if asked.return_token else []
    if asked.contact is not None:
        return [*told, _WHO_KNOWS_BOTH]
    return told or [_NOBODY_REACHES_IT]


def _signed_up(here: House, asked: SignupRequest, now: datetime) -> tuple[Agent, str | None]:
    with here.sessions() as session:
        agent = agents.sign_up(
            session,
            contact=asked.contact,
            agent_name=asked.agent_name,
            runtime=asked.runtime,
            discovery_source=asked.discovery_source,
            now=now,
        )
        # A token that nobody is shown could never be used, and rotating would only lock the agent out.
        token = agents.rotate(session, agent_id=agent.agent_id, now=now) if asked.return_token else None
        agents.preview(session, agent_id=agent.agent_id, units=here.settings.preview_credits, now=now)
    return agent, token


def _agent(agent: Agent) -> dict[str, object]:
    return {
        "actor": envelope.actor(agent),
        "agent_contact": agents.redacted(agent.contact),
        "agent_name": agent.agent_name,
        "runtime": agent.runtime,
        "claim_state": agent.claim_state,
        "discovery_source": agent.discovery_source,
    }
