"""`pennyrail ledger periods` and `pennyrail ledger close`: the months of the book, closed by two people."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from app import reasons, tables, where
from app.console.plain import plain
from app.where import DevHouse
from ledger import database, periods
from ledger.database import Sessions
from office import actor, close_checks, closing
from office.close_checks import Check
from office.close_report import Report

cli = typer.Typer(help="Close a month: one person prepares it, another confirms it.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
Month = Annotated[str, typer.Argument(metavar="MONTH", help="a month of UTC, 2026-10")]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="who does it", callback=reasons.said)]


def register(ledger: typer.Typer) -> None:
    """Add the commands to `pennyrail ledger`."""
    ledger.command("periods")(show_all)
    ledger.add_typer(cli, name="close")


def show_all(as_json: AsJson = False, folder: DevHouse = None) -> None:
    """List the months, the present one first, and what became of each."""
    with _house(folder) as sessions, sessions() as session:
        lines = closing.months(session, now=datetime.now(UTC))
    if as_json:
        _print_json([plain(line) for line in lines])
        return
    rows = [
        (each.month, each.state, each.prepared_by or "", each.closed_by or "", each.control_hash or "")
        for each in lines
    ]
    _print_table("months", ("month", "state", "prepared by", "closed by", "control hash"), rows)


@cli.command("show")
def show(month: Month, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show the report of a closed month, or what it would be now, and what stands against the close."""
    found, now = periods.parse(month), datetime.now(UTC)
    with _house(folder) as sessions:
        with sessions() as session:
            closed = closing.of(session, found)
        if closed is not None:
            _print_closed(closed, as_json=as_json)
            return
        preview = closing.preview(sessions, found, now=now)
    if as_json:
        _print_json(plain(preview))
        return
    _print_checks(preview.checks)
    _print_report(preview.report, preview.control_hash)


@cli.command("check")
def check(month: Month, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Say what stands against closing a month, without reading all of it. Exits 1 if anything does."""
    with _house(folder) as sessions, sessions() as session:
        checks = close_checks.of_month(session, periods.parse(month), now=datetime.now(UTC))
    if as_json:
        _print_json(plain(checks))
    else:
        _print_checks(checks)
    if any(each.standing != "good" for each in checks):
        raise typer.Exit(1)


@cli.command("prepare")
def prepare(
    month: Month,
    by: By,
    reason: Annotated[str, typer.Option(help="why each warning is no hindrance")] = "",
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Verify the book, work the report out, and keep it for another person to confirm."""
    with _house(folder) as sessions:
        draft = closing.prepare(
            sessions, periods.parse(month), by=actor.command(by), reason=reason, now=datetime.now(UTC)
        )
    if as_json:
        _print_json(plain(draft))
        return
    _print_report(draft.report, draft.control_hash)
    out.print(
        f"prepared; another person confirms it: pennyrail ledger close confirm {draft.draft_id} --by NAME"
    )


@cli.command("confirm")
def confirm(
    draft_id: Annotated[int, typer.Argument(metavar="DRAFT", help="the number that `prepare` said", min=1)],
    by: By,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Close the month for ever: nothing is booked into it any more."""
    with _house(folder) as sessions, sessions() as session:
        closed = closing.confirm(session, draft_id, by=actor.command(by), now=datetime.now(UTC))
    if as_json:
        _print_json(plain(closed))
        return
    out.print(f"{closed.draft.month} is closed under {closed.draft.control_hash}", soft_wrap=True)


@cli.command("verify")
def verify(month: Month, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Work the report of a closed month out again. Exits 1 if it is not what it was."""
    with _house(folder) as sessions:
        verified = closing.verify(sessions, periods.parse(month))
    if as_json:
        _print_json(plain(verified))
    else:
        out.print(f"then          {verified.kept}", soft_wrap=True)
        out.print(f"now           {verified.worked_out}", soft_wrap=True)
        for each in verified.differences:
            out.print(f"DIFFERENT     {each}")
        out.print("the book says what it said then" if verified.agrees else "the book says something else")
    if not verified.agrees:
        raise typer.Exit(1)


@contextmanager
def _house(folder: Path | None) -> Iterator[Sessions]:
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        yield database.sessions(engine)
    finally:
        engine.dispose()


def _print_closed(closed: closing.Closed, *, as_json: bool) -> None:
    if as_json:
        _print_json(plain(closed))
        return
    out.print(f"prepared by   {closed.draft.prepared_by}, closed by {closed.closed_by}", soft_wrap=True)
    _print_report(closed.draft.report, closed.draft.control_hash)


def _print_checks(checks: Sequence[Check]) -> None:
    rows = [(each.standing, each.name, each.said) for each in checks]
    _print_table("checks", ("stands", "check", "says"), rows)


def _print_report(report: Report, control_hash: str) -> None:
    rolled = report["book"]["roll_forward"]
    lines = [
        ("opening", "", rolled["opening"]),
        *((each["what"], each["source"] or "", each) for each in rolled["movements"]),
        ("closing", "", rolled["closing"]),
    ]
    rows = [(what, source, f"{flow['credits']:,}", _dollars(flow["cents"])) for what, source, flow in lines]
    _print_table(f"{report['month']}: what is owed", ("", "from", "credits", "deferred revenue"), rows)
    accounts = [
        (each["account"], each["asset"], *(f"{each[name]:,}" for name in ("opening", "change", "closing")))
        for each in report["book"]["accounts"]
    ]
    _print_table("accounts, smallest units", ("account", "in", "opening", "change", "closing"), accounts)
    out.print(f"control hash  {control_hash}", soft_wrap=True)


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def _print_table(title: str, heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in heading:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if rows:
        tables.show(out, table)
    else:
        out.print(f"{title}: none")


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")
