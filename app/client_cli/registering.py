"""The agents' commands, added to `pennyrail`."""

import typer

from app.client_cli import credits, doctor, guide, history, identity, receipts


def register(cli: typer.Typer) -> None:
    """Add every command of agents."""
    identity.register(cli)
    receipts.register(credits.cli)
    cli.add_typer(credits.cli, name="credits")
    guide.register(cli)
    cli.add_typer(history.cli, name="activity")
    cli.add_typer(identity.auth, name="auth")
    cli.add_typer(identity.claim, name="claim")
    doctor.register(cli)
