"""`pennyrail ledger`: reading, sealing and verifying the book."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from app import archive_cli, closing_cli, reading, where
from app.where import DevHouse
from ledger import database
from ledger.errors import HorizonWentBack

if TYPE_CHECKING:
    from ledger.audit import Report

cli = typer.Typer(help="The book.", no_args_is_help=True)
reading.register(cli)
closing_cli.register(cli)
archive_cli.register(cli)
out = Console(highlight=False)


@cli.command("verify")
def verify(as_json: reading.AsJson = False, folder: DevHouse = None) -> None:
    """Replay the whole book and its seals. Names the first broken row, and exits 1 if there is one."""
    from ledger import audit

    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session, _shown_progress() as progress:
            report = audit.verify(session, progress=progress)
    finally:
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


@cli.command("export")
def export(
    to: Annotated[Path, typer.Option(metavar="FILE", help="where to write; it must not be there yet")],
    format_name: Annotated[str, typer.Option("--format", help="csv, jsonl, parquet, beancount or hledger")],
    begins_at: Annotated[
        str, typer.Option("--from", help="the first day, or moment; the beginning if not given")
    ] = "",
    ends_at: Annotated[
        str, typer.Option("--until", help="the first day, or moment, after the period")
    ] = "now",
    folder: DevHouse = None,
) -> None:
    """Write the journal to a file, row by row, as it stands now."""
    from office.exports import catalogue, scope, snapshot, store

    now = datetime.now(UTC)
    period = scope.Scope(
        ends_at=(None if ends_at == "now" else scope.day(ends_at)) or now, begins_at=scope.day(begins_at)
    )
    order, rows = catalogue.order(data_set="journal", format_name=format_name, scope=period), 0
    if to.exists():
        raise typer.BadParameter(f"{to} is there already")

    def told(more: int) -> None:
        nonlocal rows
        rows += more

    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with (
            store.written(to.parent, to.name) as (file, _),
            snapshot.opened(database.sessions(engine)) as read,
        ):
            catalogue.write(read, order, file, told=told)
    finally:
        engine.dispose()
    out.print(f"{rows} rows are in {to}", soft_wrap=True)


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
