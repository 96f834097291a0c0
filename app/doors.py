"""Who is knocking: the agent behind a bearer token, or a refusal that never says what was wrong with it."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request

from app import addresses, agents, commands, envelope, errors
from app.house import House, house
from app.limits import Kind
from rails.telemetry import trace


async def _here(request: Request) -> House:
    # Not `house` itself: FastAPI would run it in another thread.
    return house(request)


Here = Annotated[House, Depends(_here)]


# What is told by label: the words of the client's command that calls a path.
_KINDS: Final[Mapping[str, Kind]] = {
    "credits status": "status",
    "credits quote": "quote",
    "credits buy": "purchase",
}


def knock(request: Request, here: Here) -> agents.Known:
    """The agent whose token came with the request.

    raises: AuthRequired, the same for missing, unknown and rotated tokens; RateLimited
    """
    token_hash = shown(request)
    if token_hash is not None:
        with here.sessions() as session:
            known = agents.known(session, token_hash=token_hash)
        if known is not None:
            here.limits.hit_from_thread(kind_of(request), known.agent.agent_id)
            request.state.agent_id = known.agent.agent_id
            trace.name(agent_id=known.agent.agent_id)
            return known
    here.limits.hit_from_thread("stranger", address(request, here))
    raise errors.AuthRequired("no valid token")


def shown(request: Request) -> bytes | None:
    """The hash of the bearer token in the request, None if there is none that could be an agent's."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return agents.hashed(token.strip()) if scheme.lower() == "bearer" else None


def kind_of(request: Request) -> Kind:
    """Which limit of an agent a request falls under."""
    return _KINDS.get(commands.label(envelope.path_template(request)), "other")


def address(request: Request, here: House) -> str:
    """By what a request is limited that shows no valid token."""
    return addresses.of(request, proxies=here.proxies)


def visit(request: Request, here: Here) -> None:
    """Let a request pass that needs no token.

    raises: RateLimited
    """
    here.limits.hit_from_thread("visit", address(request, here))


def sign_up(request: Request, here: Here) -> None:
    """Let a signup pass.

    raises: RateLimited
    """
    here.limits.hit_from_thread("signup", address(request, here))


Knocking = Annotated[agents.Known, Depends(knock)]
