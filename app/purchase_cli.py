"""Commands on single purchases: what is known of one, having it looked at, and canceling it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app import by_command, reasons, settings, tables, where
from app.settings import DoorSettings
from app.times import iso
from app.where import DevHouse
from ledger import database
from ledger.money import ASSETS, CREDIT, USD, Amount
from ledger.settings import LedgerSettings
from rails import errors, status
from rails.chain.settings import ChainSettings
from rails.models import EvidenceRow, PaymentException, Quote
from rails.settings import StorySettings
from rails.status import PurchaseView
from rails.stripe.settings import StripeSettings

if TYPE_CHECKING:
    from workers.wiring import Wiring

cli = typer.Typer(help="Single purchases.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
AttemptId = Annotated[str, typer.Argument(metavar="PAYMENT_ATTEMPT_ID", help="the attempt, payatt_...")]
AsJson = Annotated[bool, typer.Option("--json", help="for scripts: one JSON object on standard output")]


@cli.command("show")
def show(payment_attempt_id: AttemptId, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show an attempt, what its witnesses said, and what waits for a person. Nobody is asked."""
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            attempt = status.attempt_of(session, payment_attempt_id=payment_attempt_id)
            if attempt is None:
                raise errors.PurchaseNotFound(f"there is no attempt {payment_attempt_id}")
            quote = session.get_one(Quote, attempt.quote_id)
            told = _told(status.view(session, quote=quote, now=datetime.now(UTC)))
    finally:
        engine.dispose()
    if as_json:
        typer.echo(json.dumps(told, indent=1))
    else:
        _print(told)


@cli.command("settle")
def settle(payment_attempt_id: AttemptId, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Ask the processor what has become of an attempt now, and write the answer down. Harmless to repeat."""
    if folder is not None:
        json_too = ("--json",) if as_json else ()
        raise typer.Exit(
            where.run_in_the_house(folder, "purchase", "settle", *json_too, "--", payment_attempt_id)
        )
    from rails import purchase

    house = _house()
    settled = purchase.settle(
        house.sessions, house.rails, payment_attempt_id=payment_attempt_id, now=datetime.now(UTC)
    )
    if as_json:
        typer.echo(json.dumps(asdict(settled)))
        return
    out.print(f"{settled.payment_attempt_id} is {settled.state}{_granted(settled.granted)}", soft_wrap=True)


@cli.command("cancel")
def cancel(
    payment_attempt_id: AttemptId,
    reason: Annotated[str, typer.Option(help="why, for whoever looks at it later", callback=reasons.said)],
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Close an open attempt at its processor, so that nobody can begin to pay it.

    What was paid meanwhile is granted, and money that is sent to a canceled address is still found.
    Exits 1 if somebody has paid or is paying.
    """
    if folder is not None:
        options = (f"--reason={reason}", *(("--json",) if as_json else ()))
        raise typer.Exit(
            where.run_in_the_house(folder, "purchase", "cancel", *options, "--", payment_attempt_id)
        )
    from rails import purchase

    house, now, about = _house(), datetime.now(UTC), ("purchase", payment_attempt_id)
    with by_command.recorded(house.sessions, "purchase.cancel", about=about, reason=reason, now=now) as told:
        canceled = purchase.cancel(
            house.sessions, house.rails, payment_attempt_id=payment_attempt_id, reason=reason, now=now
        )
        told.after = asdict(canceled)
    if as_json:
        typer.echo(json.dumps(asdict(canceled)))
    else:
        why = f"; it was not canceled: {canceled.refusal}" if canceled.refusal else ""
        out.print(
            f"{canceled.payment_attempt_id} is {canceled.state}{_granted(canceled.granted)}{why}",
            soft_wrap=True,
        )
    if canceled.refusal is not None:
        raise typer.Exit(1)


def _house() -> "Wiring":
    from workers import wiring

    settings.require(LedgerSettings, StripeSettings, ChainSettings, StorySettings, DoorSettings)
    return wiring.wired()


def _granted(granted: bool) -> str:
    return ", and its credits were granted just now" if granted else ""


def _told(view: PurchaseView) -> dict[str, object]:
    attempt, receipt = view.attempt, view.receipt
    assert attempt is not None
    return {
        "payment_attempt_id": attempt.payment_attempt_id,
        "state": attempt.state,
        "reason": attempt.reason,
        "agent_id": attempt.agent_id,
        "quote_id": attempt.quote_id,
        "rail_id": attempt.rail_id,
        "credits": view.quote.credits,
        "price_cents": view.quote.price_cents,
        "reference": attempt.reference,
        "deposit_address": attempt.deposit_address,
        "created_at": iso(attempt.created_at),
        "expires_at": iso(attempt.expires_at),
        "looked_at": iso(attempt.looked_at) if attempt.looked_at else None,
        "looks": attempt.looks,
        "look_at": iso(attempt.look_at) if attempt.look_at else None,
        "receipt_id": receipt.receipt_id if receipt else None,
        "received_cents": receipt.received_cents if receipt else None,
        "witnesses": [_witness(row) for row in view.evidence],
        "exceptions": [_exception(row) for row in view.exceptions],
    }


def _witness(row: EvidenceRow) -> dict[str, object]:
    return {
        "source": row.source,
        "state": row.state,
        "external_id": row.external_id,
        "last_seen_at": iso(row.last_seen_at),
        "detail": row.detail,
    }


def _exception(row: PaymentException) -> dict[str, object]:
    return {
        "exception_id": row.exception_id,
        "kind": row.kind,
        "expected": Amount(int(row.expected_units), ASSETS[row.asset]).decimal(),
        "received": Amount(int(row.received_units), ASSETS[row.asset]).decimal(),
        "asset": row.asset,
        "opened_at": iso(row.opened_at),
        "closed_at": iso(row.closed_at) if row.closed_at else None,
        "closed_by": row.closed_by,
        "resolution": row.resolution,
    }


def _print(told: Mapping[str, object]) -> None:
    facts = Table.grid(padding=(0, 2))
    for name, value in told.items():
        if isinstance(value, str | int):
            facts.add_row(name, _money(name, value))
    tables.show(out, facts)
    _rows("witnesses", told["witnesses"], ("source", "state", "external_id", "last_seen_at"))
    columns = ("exception_id", "kind", "expected", "received", "asset", "opened_at", "resolution")
    _rows("exceptions", told["exceptions"], columns)


def _money(name: str, value: str | int) -> str:
    if name.endswith("_cents"):
        return f"${Amount(int(value), USD).decimal()}"
    return Amount(int(value), CREDIT).decimal() if name == "credits" else str(value)


def _rows(title: str, rows: object, columns: Iterable[str]) -> None:
    assert isinstance(rows, list)
    if not rows:
        return
    table = Table(*columns, title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(str(row[column] or "") for column in columns))
    tables.show(out, table)
