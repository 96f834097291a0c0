"""`pennyrail activity`: what has happened to an agent's credits and payments, newest first."""

from typing import Annotated
from urllib.parse import quote as escaped

import typer

from app.client_cli.arguments import AgentGroup
from app.client_cli.command import command
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Outcome
from app.client_cli.visit import Visit

cli = typer.Typer(help="The agent's own history.", cls=AgentGroup, no_args_is_help=True)


@command(cli, "activity list", example=SUGGESTED.activity())
def listed(
    visit: Visit,
    limit: Annotated[int | None, typer.Option(help="how many events at most")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="KIND", help="only events of this kind: payment, credit or usage")
    ] = None,
) -> Outcome:
    """List the newest events of this agent. What is not paid yet stands in `pennyrail usage quota`."""
    query = {"limit": None if limit is None else str(limit), "subject": subject}
    return visit.get("/v1/activity", {name: value for name, value in query.items() if value is not None})


@command(
    cli,
    "activity show",
    example=f"{PROGRAM} activity show PAYMENT_ATTEMPT_ID --json",
    suggest=lambda _given: SUGGESTED.activity(),
)
def show(
    visit: Visit,
    reference: Annotated[
        str,
        typer.Argument(metavar="REF", help="an event, quote, attempt, session, receipt or credit event id"),
    ],
) -> Outcome:
    """Show the events that an id belongs to."""
    return visit.get(f"/v1/activity/{escaped(reference, safe='')}")
