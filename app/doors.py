"""Who is knocking: the agent behind a bearer token, or a refusal that never says what was wrong with it."""

from typing import Annotated

from fastapi import Depends, Request

from app import agents, errors
from app.house import House, house


async def _here(request: Request) -> House:
    # Not `house` itself: FastAPI would run it in another thread.
    return house(request)


Here = Annotated[House, Depends(_here)]


def presented(request: Request) -> bytes:
    """The hash of the token that came with the request.

    raises: AuthRequired
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.AuthRequired("no valid token")
    return agents.hashed(token.strip())


def knock(request: Request, here: Here) -> agents.Known:
    """The agent whose token came with the request.

    raises: AuthRequired, the same for missing, unknown and rotated tokens.
    """
    token_hash = presented(request)
    with here.sessions() as session:
        known = agents.known_by(session, token_hash=token_hash)
    if known is None:
        raise errors.AuthRequired("no valid token")
    request.state.agent_id = known.agent.agent_id
    return known


Knocking = Annotated[agents.Known, Depends(knock)]
