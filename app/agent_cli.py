"""Commands on the tokens of agents."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from app import agents, by_command, where
from app.where import DevHouse
from ledger import database
from office.errors import NothingToRevoke

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
    engine = database.connect(where.owner_url(folder), pool_size=1)
    try:
        with database.sessions(engine)() as session:
            who = by_command.who(None)
            agents.take_token(session, who, agent_id=agent_id, reason="", now=datetime.now(UTC))
    except NothingToRevoke:
        out.print("0 revoked")
        raise typer.Exit(1) from None
    finally:
        engine.dispose()
    out.print("1 revoked")
