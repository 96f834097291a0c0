"""Who is knocking: the agent behind a bearer token, or a refusal that never says what was wrong with it."""

from typing import Annotated

from fastapi import Depends, Request

from app import agents, errors
from app.house import House, house

Here = Annotated[House, Depends(house)]


def knock(request: Request, here: Here) -> agents.Known:
    """The agent whose token came with the request.

    raises: AuthRequired, the same for missing, unknown and rotated tokens.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        with here.sessions() as session:
            known = agents.known(session, token=token.strip())
        if known is not None:
            request.state.agent_id = known.agent.agent_id
            return known
    raise errors.AuthRequired("no valid token")


Knocking = Annotated[agents.Known, Depends(knock)]
