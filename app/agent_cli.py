"""Commands on the tokens of agents."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from app import agents, by_command, where
from app.where import DevHouse
from ledger import database

cli = typer.Typer(help="Tokens of the agents that buy credits.", no_args_is_help=True)
out = Console(highlight=False)


@cli.callback()
def group() -> None:
    """Tokens of the agents that buy credits."""


@cli.command("revoke")
def revoke(
    agent_id: Annotated[str, typer.Argument(help="the agent, agt_...")], folder: DevHouse = None
) -> None:
    """Refuse an agent's token from the next request on. Its credits stay. Exits 1 if it had none."""
    engine, now = database.connect(where.owner_url(folder), pool_size=1), datetime.now(UTC)
    try:
        with database.sessions(engine)() as session:
            revoked = agents.revoke(session, agent_id=agent_id, now=now)
            if revoked:
                about, after = ("agent", agent_id), {"revoked": revoked}
                by_command.said(session, "agent.revoke_token", about=about, after=after, now=now)
    finally:
        engine.dispose()
    out.print(f"{revoked} revoked")
    if not revoked:
        raise typer.Exit(1)
