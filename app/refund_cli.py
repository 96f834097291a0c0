"""`pennyrail refund`: giving money back, and seeing what has left a payment."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from app import by_command, reasons, tables, where
from app.times import iso
from app.where import DevHouse
from ledger import database
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails import errors, refunds, reversals
from rails.models import PaymentAttempt, PaymentReversalState, RefundRequest
from rails.refunds import Refund
from rails.reversals import Seen

cli = typer.Typer(help="Giving money back, and what left by itself.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for scripts")]
AttemptId = Annotated[str, typer.Argument(metavar="PAYMENT_ATTEMPT_ID", help="the payment, payatt_...")]
_POLL_SECONDS: Final = 0.25
_CENT: Final = Decimal("0.01")


@cli.command("create")
def create(
    payment_attempt_id: AttemptId,
    reason: Annotated[
        str, typer.Option(help="why, in a few words that stay in the house", callback=reasons.said)
    ],
    amount: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="how much, such as 2.50; all that is left if not given"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="the same key refunds once; if not given it is made of payment and amount"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="who asks; the user of this machine if not given")] = None,
    wait: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="how long to wait for the processor's answer", min=0, max=600),
    ] = 20,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Give money of a payment back to its payer: to the card, or to the wallet that sent it.

    The workers ask the processor. Credits are taken when the money has left. Exits 1 if the refund failed.
    """
    asked_for, now = _amount(amount), datetime.now(UTC)
    with _sessions(folder) as sessions:
        with sessions() as session:
            placed = refunds.place(
                session,
                payment_attempt_id=payment_attempt_id,
                amount=asked_for,
                reason=reason,
                requested_by=by or by_command.user(),
                key=key or f"by hand:{payment_attempt_id}:{asked_for.units if asked_for else 'all'}",
                now=now,
            )
            if not placed.replayed:
                told = {"refund": placed.request.refund_id, "cents": placed.request.cents}
                by_command.said(
                    session,
                    "refund.create",
                    about=("purchase", payment_attempt_id),
                    by=by,
                    reason=reason,
                    after=told,
                    now=now,
                )
        if placed.replayed:
            typer.echo("this was asked for before; for one more refund give another --key", err=True)
        found = _answered(sessions, placed.request.refund_id, seconds=wait)
    _tell([found], as_json=as_json)
    if found.state == "asked":
        typer.echo("the processor has not answered yet; the workers go on asking", err=True)
    if found.state == "failed":
        look = f"pennyrail purchase show {payment_attempt_id}"
        typer.echo(f"the refund failed; what the processor has received of it: {look}", err=True)
        raise typer.Exit(1)


@cli.command("list")
def show_all(
    payment: Annotated[
        str | None, typer.Option(metavar="PAYMENT_ATTEMPT_ID", help="of this payment alone")
    ] = None,
    limit: Annotated[int, typer.Option(help="at most so many, the newest first", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show the refunds that were asked for here."""
    with _sessions(folder) as sessions, sessions() as session:
        found = refunds.listed(session, payment_attempt_id=payment, limit=limit)
        _tell(found, as_json=as_json)


@cli.command("show")
def show(payment_attempt_id: AttemptId, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show all that has left a payment, or may: refunds, disputes and warnings, with every change of them."""
    with _sessions(folder) as sessions, sessions() as session:
        if session.get(PaymentAttempt, payment_attempt_id) is None:
            raise errors.PurchaseNotFound(f"there is no attempt {payment_attempt_id}")
        seen = reversals.of_payment(session, payment_attempt_id=payment_attempt_id)
        asked = refunds.listed(session, payment_attempt_id=payment_attempt_id)
    if as_json:
        _print_json({"reversals": [*map(_reversal, seen)], "refunds": [*map(_refund, asked)]})
        return
    table = _table("what", "id", "state", "dollars", "booked", "seen at", "transactions")
    for each in seen:
        for change in each.changes:
            moved, booked = _dollars(change.cents), _dollars(change.booked_cents)
            numbers = ", ".join(map(str, change.transactions))
            name = (each.reversal.cause, each.reversal.reference)
            table.add_row(*name, change.state, moved, booked, iso(change.seen_at), numbers)
    if table.rows:
        tables.show(out, table)
    else:
        out.print("nothing has left this payment")
    if asked:
        _tell(asked, as_json=False)


def _answered(sessions: Sessions, refund_id: str, *, seconds: float) -> Refund:
    ends = time.monotonic() + seconds
    while True:
        with sessions() as session:
            found = refunds.view(session, session.get_one(RefundRequest, refund_id))
        if found.state in ("done", "failed") or time.monotonic() >= ends:
            return found
        time.sleep(_POLL_SECONDS)


def _amount(dollars: str | None) -> Amount | None:
    if dollars is None:
        return None
    try:
        cents = Decimal(dollars) / _CENT
    except InvalidOperation:
        cents = Decimal(0)
    if not cents.is_finite() or cents != cents.to_integral_value() or not 1 <= cents <= 100_000_000:
        raise typer.BadParameter("an amount is in dollars with two decimals at most, such as 2.50")
    return Amount(int(cents), USD)


def _tell(found: Sequence[Refund], *, as_json: bool) -> None:
    if as_json:
        _print_json([*map(_refund, found)])
        return
    table = _table("refund", "state", "dollars", "payment", "asked at", "by", "why")
    for each in found:
        row = each.request
        state = f"failed: {row.failure}" if each.state == "failed" else each.state
        table.add_row(
            row.refund_id,
            state,
            _dollars(row.cents),
            row.payment_attempt_id,
            iso(row.requested_at),
            row.requested_by,
            row.reason,
        )
    tables.show(out, table)


def _refund(found: Refund) -> Mapping[str, object]:
    row = found.request
    return {
        "refund_id": row.refund_id,
        "state": found.state,
        "payment_attempt_id": row.payment_attempt_id,
        "cents": row.cents,
        "reason": row.reason,
        "requested_by": row.requested_by,
        "requested_at": iso(row.requested_at),
        "idempotency_key": row.idempotency_key,
        "reference": row.reference,
        "failure": row.failure,
    }


def _reversal(seen: Seen) -> Mapping[str, object]:
    row = seen.reversal
    return {
        "reference": row.reference,
        "cause": row.cause,
        "state": row.state,
        "cents": row.cents,
        "booked_cents": row.booked_cents,
        "refused_cents": row.refused_cents,
        "first_seen_at": iso(row.first_seen_at),
        "changes": [_change(each) for each in seen.changes],
    }


def _change(change: PaymentReversalState) -> Mapping[str, object]:
    return {
        "state": change.state,
        "cents": change.cents,
        "booked_cents": change.booked_cents,
        "transactions": change.transactions,
        "detail": change.detail,
        "seen_at": iso(change.seen_at),
    }


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print_json(told: object) -> None:
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


def _dollars(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


@contextmanager
def _sessions(folder: Path | None) -> Iterator[Sessions]:
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        yield database.sessions(engine)
    finally:
        engine.dispose()
