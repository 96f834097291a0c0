"""`pennyrail reconcile`: the processor, the chain and the book, side by side."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlmodel import Session

from app import by_command, live, reasons, tables, where
from app.where import DevHouse
from ledger import database
from ledger.money import Amount
from office import actor
from office import reconciliation as desk
from rails.reconciliation import proof, report, report_page, story

cli = typer.Typer(help="The processor, the chain and the book, side by side.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


@cli.command("run")
def run(
    whole: Annotated[
        bool, typer.Option("--whole", help="look at every attempt, not only at what is new")
    ] = False,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Read and book what is new at the processor, and compare. Exits 1 if breaks are open at its end.

    The workers do it by themselves, PENNYRAIL_RECONCILE_SECONDS apart; running it twice changes nothing.
    """
    if folder is not None:
        options = [name for name, given in (("--whole", whole), ("--json", as_json)) if given]
        raise typer.Exit(where.run_in_the_house(folder, "reconcile", "run", *options))
    live.require()
    from rails.reconciliation import run as reconciliation
    from rails.reconciliation.settings import ReconciliationSettings
    from workers import wiring
    from workers.knocking import Knock

    house, now = wiring.wired(), datetime.now(UTC)
    about = ("reconciliation", "whole" if whole else "new")
    recorded = by_command.recorded(house.sessions, "reconciliation.run", about=about, now=now)
    with recorded as kept, _shown_progress() as progress:
        done = reconciliation.run(
            house.sessions,
            wiring.books(progress=lambda read: progress(f"reading, {read} movements", 0, 0)),
            knock=Knock(house.sessions, house.rails, now),
            settings=ReconciliationSettings(),
            now=now,
            whole=whole,
            progress=progress,
        )
        kept.after = done.model_dump(mode="json")
    with house.sessions() as session:
        lost = proof.unexplained(session)
        items = report.open_items(session, now=now, breaks_only=False)
    told = done.model_dump(mode="json") | {
        "unexplained": [_plain(each) for each in lost],
        "in_review": sum(each.state == "in_review" for each in items),
    }
    if as_json:
        _print_json(told)
    else:
        _print_run(told)
    if done.breaks or lost:
        raise typer.Exit(1)


@cli.command("report")
def day_report(
    day: Annotated[str, typer.Option(help="a day of UTC, 2026-07-01, today or yesterday")] = "today",
    markdown: Annotated[
        Path | None, typer.Option(help="write the report to this file, as Markdown", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show a day from each side: totals, movements, accounts at both ends, payouts, and the open breaks."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        told = report.of_day(session, _day(day, now=now), now=now)
    if markdown is not None:
        try:
            markdown.write_text(report_page.markdown(told))
        except OSError as error:
            raise typer.BadParameter(f"{markdown} cannot be written: {error.strerror}") from None
    if as_json:
        _print_json(_plain(told))
    elif markdown is None:
        for title, rows in report_page.tables(told):
            _print_table(title, rows)


@cli.command("breaks")
def breaks(
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="also what is expected still, or what an exception tells of, decided or not"
        ),
    ] = False,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show what does not agree, oldest first. Exits 1 if there is anything."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        found = report.open_items(session, now=now, breaks_only=not every)
    if as_json:
        _print_json([_plain(each) for each in found])
    else:
        rows = (
            (str(each.item_id), each.subject, each.matter, each.state, *report_page.sums(each))
            for each in found
        )
        heading = ("item", "subject", "matter", "state", "expected", "found", "open for")
        _print_table("open", (heading, *rows))
        if found:
            out.print("the reason of each: pennyrail reconcile show PAYMENT_ATTEMPT_ID")
    if found and not every:
        raise typer.Exit(1)


@cli.command("explain")
def explain(
    item_id: Annotated[int, typer.Argument(metavar="ITEM", help="the number of a break", min=1)],
    reason: Annotated[str, typer.Option(help="why the difference is as it should be", callback=reasons.said)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="who decides", callback=reasons.said)],
    folder: DevHouse = None,
) -> None:
    """Close a break by hand. Nothing is posted; it is told again only if its amounts change."""
    with _session(folder) as session:
        desk.explain(session, item_id, reason=reason, by=actor.command(by), now=datetime.now(UTC))
    out.print(f"item {item_id} is explained")


@cli.command("show")
def show(
    payment_attempt_id: Annotated[str, typer.Argument(help="an attempt, payatt_...")],
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show what moved at the processor for an attempt, and every state its witnesses were in."""
    with _session(folder) as session:
        told = story.of_attempt(session, payment_attempt_id, now=datetime.now(UTC))
    if told is None:
        raise typer.BadParameter(f"there is no attempt {payment_attempt_id}")
    if as_json:
        _print_json(_plain(told))
        return
    out.print(f"{told.payment_attempt_id} on {told.rail_id}: {told.state}", soft_wrap=True)
    moved = (
        (_time(each.created_at), each.type, f"{each.amount}", f"{each.fee}", each.currency, each.movement_id)
        for each in told.movements
    )
    _print_table("at the processor", (("created", "type", "amount", "fee", "in", "id"), *moved))
    states = (
        (_time(each.entered_at), of.item.matter, each.state, str(each.expected), str(each.found), each.why)
        for of in told.items
        for each in of.states
    )
    _print_table("compared", (("at", "matter", "state", "expected", "found", "why"), *states))


def _day(written: str, *, now: datetime) -> date:
    match written:
        case "today":
            return now.date()
        case "yesterday":
            return now.date() - timedelta(days=1)
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(
            f"{written!r} is no day; write 2026-07-01, today or yesterday", param_hint="--day"
        ) from None


def _print_run(told: Mapping[str, Any]) -> None:
    out.print(f"read until    {told['read_until']}")
    out.print(f"movements     {told['kept']} new, {told['booked']} booked")
    out.print(f"items         {told['opened']} opened, {told['closed']} closed")
    out.print(f"balance       {told['processor_cents']} cents, and {told['book_cents']} in the book")
    for each in told["unexplained"]:
        out.print(f"UNEXPLAINED   {each['amount']['decimal']} USD {each['what']}", soft_wrap=True)
    found = f"{told['breaks']} breaks are open: pennyrail reconcile breaks"
    if told["in_review"]:
        out.print(f"in review     {told['in_review']}, as exceptions tell: pennyrail reconcile breaks --all")
    agreed = "no break is open" if told["in_review"] else "everything agrees"
    out.print(found if told["breaks"] else agreed)


def _print_table(title: str, rows: report_page.Rows) -> None:
    heading, *others = rows
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in heading:
        table.add_column(name, overflow="fold")
    for row in others:
        table.add_row(*row)
    if others:
        tables.show(out, table)
    else:
        out.print(f"{title}: none")


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def _plain(value: object) -> Any:
    """Frozen dataclasses as JSON knows it: an amount in its smallest units and as people write it."""
    match value:
        case Amount():
            return {"units": value.units, "asset": value.asset.code, "decimal": value.decimal()}
        case datetime():
            return _time(value)
        case date():
            return value.isoformat()
        case timedelta():
            return int(value.total_seconds())
        case tuple():
            return [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        case _:
            return value


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()


@contextmanager
def _shown_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; on anything else nothing."""
    with Progress(console=out, transient=True, disable=not out.is_terminal) as shown:
        bar = shown.add_task("reconciling", total=None)

        def tell(what: str, done: int, of: int) -> None:
            shown.update(bar, description=what, completed=done, total=of or None)

        yield tell
