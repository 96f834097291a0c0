"""`pennyrail ledger`: reading, sealing and verifying the book."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import Progress

from app import closing_cli, reading, where
from app.where import DevHouse
from ledger import database
from ledger.errors import HorizonWentBack

if TYPE_CHECKING:
    from ledger.audit import Report

cli = typer.Typer(help="The book.", no_args_is_help=True)
reading.register(cli)
closing_cli.register(cli)
out = Console(highlight=False)


@cli.command("verify")
def verify(as_json: reading.AsJson = False, folder: DevHouse = None) -> None:
    """Replay the whole book and its seals. Names the first broken row, and exits 1 if there is one."""
    from ledger import audit

    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    with database.sessions(engine)() as session, _shown_progress() as progress:
        report = audit.verify(session, progress=progress)
    engine.dispose()
    if as_json:
        typer.echo(json.dumps(_told(report), indent=2))
    for line in report.lines() if not as_json else ():
        out.print(line, soft_wrap=True)
    if not report.clean:
        raise typer.Exit(1)


@cli.command("seal")
def seal(folder: DevHouse = None) -> None:
    """Seal what can be sealed now. The workers do it by themselves."""
    from ledger import seals

    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        made = seals.seal_all(database.sessions(engine), now=datetime.now(UTC))
    except HorizonWentBack as error:
        out.print(str(error), style="red", soft_wrap=True)
        raise typer.Exit(1) from None
    finally:
        engine.dispose()
    for sealed in made:
        out.print(f"seal {sealed.number}: {sealed.leaves} transactions")
    if not made:
        out.print("nothing to seal")


def _told(report: "Report") -> Mapping[str, object]:
    return {
        "clean": report.clean,
        "accounts": report.accounts,
        "transactions": report.transactions,
        "sealed": report.sealed,
        "entries": report.entries,
        "lots": report.lots,
        "holds": report.holds,
        "moved_units": {each.asset.code: str(each.units) for each in report.volumes},
        "drifts": [str(each) for each in report.drifts],
    }


@contextmanager
def _shown_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; on anything else nothing."""
    with Progress(console=out, transient=True, disable=not out.is_terminal) as shown:
        bar = shown.add_task("verifying", total=None)

        def tell(name: str, done: int, of: int) -> None:
            shown.update(bar, description=f"verifying {name}", completed=done, total=of)

        yield tell
