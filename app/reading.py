"""The commands that read the book: balance, statement, explain, trial-balance, roll-forward."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app import tables, where
from app.where import DevHouse
from ledger import chart, database, explain, history, reports, statements
from ledger.errors import BookError, UnknownAccount
from ledger.money import Amount
from rails import receipts
from rails.models import Receipt

out = Console(highlight=False)

Who = Annotated[
    str, typer.Argument(metavar="AGENT_ID", help="an agent, or a house account such as spent or clearing:...")
]
Agent = Annotated[str, typer.Argument(metavar="AGENT_ID", help="an agent")]
At = Annotated[
    str, typer.Option(help="a moment, 2026-07-01 or 2026-07-01T12:00:00Z; UTC if no zone is given")
]
From = Annotated[str, typer.Option("--from", help="the first moment of the period; UTC if no zone is given")]
To = Annotated[str, typer.Option("--to", help="the first moment after the period")]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


def register(group: typer.Typer) -> None:
    """Add the commands to `pennyrail ledger`."""
    for name, command in (
        ("balance", balance),
        ("statement", statement),
        ("explain", explained),
        ("trial-balance", trial_balance),
        ("roll-forward", roll_forward),
    ):
        group.command(name)(command)


def balance(who: Who, at: At = "now", as_json: AsJson = False, folder: DevHouse = None) -> None:
    """What an account holds, or held at a moment."""
    with _book(folder) as session:
        found = history.balance_at(session, account=_account(who), at=_moment(at, option="--at"))
    if as_json:
        _print_json({**_plain(found), "available": _plain(found.available)})
        return
    table = _table(f"{found.account} at {_time(found.at)}", "", "amount")
    table.add_row("posted", str(found.posted))
    table.add_row("held", str(found.held))
    table.add_row("available", str(found.available))
    table.add_row("version", str(found.version))
    tables.show(out, table)


def statement(
    who: Who,
    begins_at: From,
    ends_at: To,
    after: Annotated[str, typer.Option(help="the cursor that the page before has told")] = "",
    lines: Annotated[int, typer.Option(help="the most lines of a page", min=1, max=statements.MOST)] = 100,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Opening, every line, and closing of an account in a period."""
    with _book(folder) as session:
        page = statements.page(
            session,
            account=_account(who),
            begins_at=_moment(begins_at, option="--from"),
            ends_at=_moment(ends_at, option="--to"),
            after=statements.Position.parse(after) if after else None,
            most=lines,
        )
        bought = receipts.of_transactions(session, (line.transaction_id for line in page.lines))
    if as_json:
        told = [{**_plain(line), **_purchase(bought.get(line.transaction_id))} for line in page.lines]
        _print_json({**_plain(page), "lines": told})
        return
    tables.show(out, _statement_table(page, bought, first=not after))
    if page.next:
        out.print(f"more: --after {page.next}")


def explained(agent_id: Agent, at: At = "now", as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Where every credit of an agent came from, and what became of it. Exits 1 if the sums do not meet."""
    with _book(folder) as session:
        _account(f"agent:{agent_id}")
        told = explain.explain(session, agent_id=agent_id, at=_moment(at, option="--at"))
        bought = receipts.of_transactions(session, (lot.transaction_id for lot in told.lots))
    if as_json:
        lots = [{**_plain(lot), **_purchase(bought.get(lot.transaction_id))} for lot in told.lots]
        _print_json({**_plain(told), "lots": lots, "reconciles": told.reconciles})
    else:
        _print_explanation(told, bought)
    _demand(told.reconciles)


def trial_balance(at: At = "now", as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Every account at a moment, debits beside credits. Exits 1 if an asset does not sum to zero."""
    with _book(folder) as session:
        trial = reports.trial_balance(session, at=_moment(at, option="--at"))
    if as_json:
        _print_json({**_plain(trial), "sums": _plain(trial.sums), "balances": trial.balances})
    else:
        table = _table(f"trial balance at {_time(trial.at)}", "account", "debit", "credit")
        for line in trial.lines:
            table.add_row(line.account, _unless_zero(line.debit), _unless_zero(line.credit))
        for left in trial.sums:
            table.add_row("left over", "", str(left), style="bold")
        tables.show(out, table)
    _demand(trial.balances)


def roll_forward(begins_at: From, ends_at: To, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Credits outstanding and deferred revenue over a period. Exits 1 if the movements miss the closing."""
    with _book(folder) as session:
        rolled = reports.roll_forward(
            session,
            begins_at=_moment(begins_at, option="--from"),
            ends_at=_moment(ends_at, option="--to"),
        )
    if as_json:
        _print_json({**_plain(rolled), "reconciles": rolled.reconciles})
    else:
        table = _table(
            f"from {_time(rolled.begins_at)} to {_time(rolled.ends_at)}", "", "credits", "deferred revenue"
        )
        table.add_row("opening", str(rolled.opening.credits), str(rolled.opening.cents), style="bold")
        for each in rolled.movements:
            what = each.what if each.source is None else f"{each.what}, {each.source}"
            table.add_row(what, str(each.flow.credits), str(each.flow.cents))
        table.add_row("closing", str(rolled.closing.credits), str(rolled.closing.cents), style="bold")
        tables.show(out, table)
    _demand(rolled.reconciles)


@contextmanager
def _book(folder: Path | None) -> Iterator[Session]:
    """A session that only reads; what the book refuses ends the command in one line."""
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    except BookError as error:
        sys.exit(f"pennyrail: {error.code}: {error}")
    finally:
        engine.dispose()


def _account(who: str) -> str:
    name = who if who.partition(":")[0] in chart.CLASSES else f"agent:{who}"
    try:
        chart.asset(name)
    except UnknownAccount:
        raise typer.BadParameter(f"{who!r} is neither an agent nor an account") from None
    return name


def _moment(written: str, *, option: str) -> datetime:
    if written == "now":
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(
            f"{written!r} is no time; write 2026-07-01 or 2026-07-01T12:00:00Z", param_hint=option
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _demand(fine: bool) -> None:
    if not fine:
        sys.exit("pennyrail: the sums do not meet: run pennyrail ledger verify")


def _statement_table(page: statements.Statement, bought: Mapping[int, Receipt], *, first: bool) -> Table:
    table = _table(
        f"{page.account} from {_time(page.begins_at)} to {_time(page.ends_at)}",
        *("booked", "kind", "amount", "held", "balance", "actor", "key", "about"),
    )
    opening = "opening" if first else "brought forward"
    table.add_row(opening, "", "", str(page.opening_held.units), str(page.opening), style="bold")
    for line in page.lines:
        table.add_row(
            _time(line.at),
            line.kind,
            _unless_zero(line.amount),
            _unless_zero(line.held_change),
            str(line.balance),
            line.actor,
            line.reference,
            ", ".join(filter(None, (line.about.words(), _words(bought.get(line.transaction_id))))),
        )
    if page.next:
        table.add_row(
            "carried forward", "", "", str(page.closing_held.units), str(page.closing), style="bold"
        )
    closing = (str(page.period_closing_held.units), str(page.period_closing))
    table.add_row("closing", "", "", *closing, style="bold")
    return table


def _print_explanation(told: explain.Explanation, bought: Mapping[int, Receipt]) -> None:
    lots = _table(
        f"{told.agent_id} at {_time(told.at)}: {told.posted}, {told.held} of it held",
        *("lot", "granted by", "paid", "granted", "spent", "expired", "refunded", "deducted", "left"),
    )
    for lot in told.lots:
        amounts = (lot.granted, lot.spent, lot.expired, lot.refunded, lot.deducted, lot.left)
        by = ", ".join(filter(None, (lot.key, _words(bought.get(lot.transaction_id)))))
        paid = "promotional" if lot.promotional else str(lot.paid)
        lots.add_row(str(lot.lot_id), by, paid, *(str(amount.units) for amount in amounts))
    spends = _table("spent on", "booked", "kind", "job", "credits", "unwound", "from lots")
    for spend in told.spends:
        used = ", ".join(f"{use.lot_id}: {use.credits.units} ({use.cents})" for use in spend.lots)
        job = spend.job or "not said"
        unwound = _unless_zero(spend.unwound)
        spends.add_row(_time(spend.at), spend.kind, job, str(spend.credits.units), unwound, used)
    tables.show(out, lots)
    tables.show(out, spends)
    for kept in told.aside:
        what = f"for {kept.job} by {kept.hold_id}" if kept.hold_id else f"until lot {kept.lot_id} begins"
        out.print(f"set aside: {kept.credits} {what}", soft_wrap=True)


def _purchase(receipt: Receipt | None) -> dict[str, str]:
    if receipt is None:
        return {}
    return {"receipt_id": receipt.receipt_id, "payment_attempt_id": receipt.payment_attempt_id}


def _words(receipt: Receipt | None) -> str:
    return "" if receipt is None else f"receipt {receipt.receipt_id}"


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _unless_zero(amount: Amount) -> str:
    return str(amount) if amount.units else ""


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def _plain(value: object) -> Any:
    """Frozen dataclasses as JSON knows it: an amount in its smallest units and as people write it."""
    match value:
        case Amount():
            return {"units": value.units, "asset": value.asset.code, "decimal": value.decimal()}
        case datetime():
            return value.astimezone(UTC).isoformat()
        case statements.Position():
            return str(value)
        case tuple():
            return [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        case _:
            return value
