"""`pennyrail figures`: counting what every day did, and counting it anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import typer
from rich.console import Console

from app import where
from app.where import DevHouse
from ledger import database
from ledger.database import Sessions
from office import figures

cli = typer.Typer(help="The figures of every day.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
_ALL: Final = 1_000_000


@cli.command("count")
def count(folder: DevHouse = None) -> None:
    """Count what was sealed and bought since the last time. The workers do it by themselves."""
    with _opened(where.ledger(folder).database_url) as sessions:
        out.print(f"{_to_the_end(sessions)} seals counted")


@cli.command("rebuild")
def rebuild(folder: DevHouse = None) -> None:
    """Forget every figure and count the whole book again. While it runs the dashboard shows a part.

    Only the owner of the database may forget: PENNYRAIL_MIGRATE_DATABASE_URL.
    """
    with _opened(where.owner_url(folder)) as sessions:
        with sessions() as session:
            figures.forget(session)
        out.print(f"{_to_the_end(sessions)} seals counted from the beginning")


def _to_the_end(sessions: Sessions) -> int:
    return figures.count_all(sessions, now=datetime.now(UTC), steps=_ALL)


@contextmanager
def _opened(url: str) -> Iterator[Sessions]:
    engine = database.connect(url, pool_size=1)
    try:
        yield database.sessions(engine)
    finally:
        engine.dispose()
