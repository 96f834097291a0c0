"""Commands on the tokens of the services that spend credits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlmodel import Session

from app import by_command, service_tokens, where
from app.where import DevHouse
from ledger import database

cli = typer.Typer(help="Tokens of the services that spend credits.", no_args_is_help=True)
out = Console()


@cli.command("create")
def create(
    name: Annotated[str, typer.Argument(help="the service; its idempotency keys are its own")],
    scope: Annotated[list[str], typer.Option(help="what it may do; repeat for more than one")],
    expires_in_days: Annotated[int | None, typer.Option(help="never, if not given", min=1, max=3650)] = None,
    folder: DevHouse = None,
) -> None:
    """Make a token. It is printed once, alone on the standard output."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=expires_in_days) if expires_in_days else None
    with _session(folder) as session:
        try:
            row, token = service_tokens.make(session, name=name, scopes=scope, expires_at=expires_at, now=now)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        about, after = ("service_token", row.id), {"name": row.name, "scopes": list(row.scopes)}
        by_command.said(session, "service_token.create", about=about, after=after, now=now)
    typer.echo(f"{row.id} for {row.name}: {', '.join(row.scopes)}", err=True)
    typer.echo(token)


@cli.command("list")
def show(folder: DevHouse = None) -> None:
    """Show every token that was made, never the tokens themselves."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        found = service_tokens.listed(session)
        for row in found:
            state = "revoked" if row.revoked_at else "active" if row.valid(now) else "expired"
            until = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "without end"
            out.print(f"{row.id}  {row.name}  {state}  {until}  {','.join(row.scopes)}", soft_wrap=True)
    if not found:
        out.print("there are no tokens")


@cli.command("revoke")
def revoke(
    name_or_id: Annotated[str, typer.Argument(help="a token's id, or a name for all tokens of that service")],
    folder: DevHouse = None,
) -> None:
    """Refuse a token from now on; a running server follows within seconds. Exits 1 if there is none."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        revoked = service_tokens.revoke(session, name_or_id=name_or_id, now=now)
        if revoked:
            about, after = ("service_token", name_or_id), {"revoked": revoked}
            by_command.said(session, "service_token.revoke", about=about, after=after, now=now)
    out.print(f"{revoked} revoked")
    if not revoked:
        raise typer.Exit(1)


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    """As the owner of the database: the service itself may not make tokens."""
    engine = database.connect(where.owner_url(folder), pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()
