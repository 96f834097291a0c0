"""`pennyrail exceptions`: money that is not as it was asked for, and what is done about it."""

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, cast, get_args

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app import by_command, reasons, tables, where
from app.times import iso
from app.where import DevHouse
from ledger import database
from ledger.database import Sessions
from ledger.money import Amount
from rails import arrived, exceptions, kinds, resolutions
from rails.choices import Choice
from rails.exceptions import Case, Line, State, Wanted
from rails.resolutions import Decision, Resolved

cli = typer.Typer(help="Money that is not as it was asked for.", no_args_is_help=True)
out = Console(highlight=False, markup=False)

_KINDS: Final = f"one of {', '.join(kinds.MEANINGS)}"
_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ExceptionId = Annotated[int, typer.Argument(metavar="ID", help="an exception's number", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]

Reason = Annotated[str, typer.Option(help="why, for whoever reads it in a year", callback=reasons.said)]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="who decides", callback=reasons.said)]
Received = Annotated[
    str | None,
    typer.Option(help="what `show` said was received, as in 4.99: refused if another amount is there by now"),
]


@cli.command("list")
def show_all(
    kind: Annotated[str | None, typer.Option(help=_KINDS)] = None,
    agent: Annotated[str | None, typer.Option(metavar="AGENT_ID", help="of this agent")] = None,
    older_than: Annotated[str | None, typer.Option(help="open for longer than 30m, 12h or 7d")] = None,
    state: Annotated[str, typer.Option(help="open, waiting, closed or all")] = "open",
    limit: Annotated[int, typer.Option(help="at most so many", min=1, max=10_000)] = 100,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """List what waits for a decision, the oldest first. What was put off is hidden until its time comes."""
    if kind is not None and kind not in kinds.MEANINGS:
        raise typer.BadParameter(f"--kind is {_KINDS}")
    if state not in get_args(State):
        raise typer.BadParameter(f"--state is one of {', '.join(get_args(State))}")
    wanted = Wanted(
        state=cast("State", state),
        kind=kind,
        agent_id=agent,
        older_than=_age(older_than) if older_than is not None else None,
    )
    with _session(folder) as session:
        lines = exceptions.listed(session, wanted, now=datetime.now(UTC), limit=limit)
    if as_json:
        _print_json([_line_fields(line) for line in lines])
        return
    if not lines:
        out.print("nothing waits for a decision" if state == "open" else f"none is {state}")
        return
    tables.show(out, _table(lines))


@cli.command("show")
def show(exception_id: ExceptionId, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show everything about one exception: what came, who says what, what was done, and what may be done."""
    with _session(folder) as session:
        case = exceptions.case(session, exception_id, now=datetime.now(UTC))
    if as_json:
        _print_json(_case_fields(case))
        return
    for line in _told(case, of_folder=_of(folder)):
        out.print(line, soft_wrap=True)


@cli.command("resolve")
def resolve(
    exception_id: ExceptionId,
    how: Annotated[str, typer.Option("--as", help="credit, refund or write_off")],
    reason: Reason,
    by: By,
    received: Received = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Decide an exception, once. Repeating the same decision changes nothing.

    credit: grants the agent credits for what arrived, one for each whole cent, and a receipt if it has none
    yet; only what lies deep enough on the chain, and never twice.

    refund: sends the processor's charge back through it, where there is one. A transfer that it never
    matched has no charge: that money can only be credited or written off.

    write_off: nobody gets credits. Whole cents that arrived are booked from clearing to unclaimed, where they
    stay owed; less than a cent, and other tokens, are recorded and not booked.
    """
    if how not in ("credit", "refund", "write_off"):
        raise typer.BadParameter("--as is credit, refund or write_off; to put it off, `exceptions wait`")
    if how == "refund" and folder is not None:
        raise typer.Exit(
            _refund_in_the_house(
                folder, exception_id, reason=reason, by=by, received=received, as_json=as_json
            )
        )
    with _house(folder) as sessions:
        done = _resolve(sessions, how, exception_id, reason=reason, by=by, received=received)
    if as_json:
        _print_json(_resolved_fields(done))
        return
    out.print(_resolved_words(done), soft_wrap=True)


@cli.command("wait")
def wait(
    exception_id: ExceptionId,
    reason: Reason,
    by: By,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"], help="UTC if no zone is given"
        ),
    ] = None,
    for_: Annotated[str | None, typer.Option("--for", help="for as long as 30m, 12h or 7d")] = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Put an exception off. It comes back by itself then, or at once when another amount is there."""
    if (until is None) == (for_ is None):
        raise typer.BadParameter("give either --until or --for")
    now = datetime.now(UTC)
    if until is not None:
        comes_back = until if until.tzinfo else until.replace(tzinfo=UTC)
    else:
        comes_back = now + _age(str(for_))
    with _session(folder) as session:
        decision = Decision(exception_id, actor=f"operator:{by}", reason=reason)
        resolutions.wait(session, decision, until=comes_back, now=now)
        by_command.said(
            session,
            "exception.wait",
            about=("exception", str(exception_id)),
            by=decision.actor,
            reason=reason,
            after={"until": iso(comes_back)},
            now=now,
        )
    if as_json:
        _print_json({"exception_id": exception_id, "wait_until": iso(comes_back)})
        return
    out.print(f"exception {exception_id} comes back at {iso(comes_back)}")


@cli.command("unexplained")
def unexplained(as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Check that every cent the chain moved for good is in the book or in an exception. Exits 1 if not.

    A payment that is being settled shows up until it is granted or has an exception.
    """
    with _session(folder) as session:
        found = arrived.unexplained(session)
    if as_json:
        _print_json([dataclasses.asdict(each) for each in found])
    for each in found if not as_json else ():
        attempts = ", ".join(map(" ".join, zip(each.attempts, each.states, strict=True))) or "no attempt"
        out.print(
            f"{each.address}  {each.units - each.decided} of {each.units} units of {each.token}: {attempts}",
            soft_wrap=True,
        )
    if not as_json and not found:
        out.print("every cent that the chain moved is in the book or in an exception")
    if found:
        raise typer.Exit(1)


def _resolve(
    sessions: Sessions, how: str, exception_id: int, *, reason: str, by: str, received: str | None
) -> Resolved:
    now = datetime.now(UTC)
    decision = _decision(sessions, exception_id, reason=reason, by=by, received=received, now=now)
    about = ("exception", str(exception_id))
    if how == "refund":
        with by_command.recorded(
            sessions, "exception.resolve", about=about, by=decision.actor, reason=reason, now=now
        ) as told:
            done = _refund(sessions, decision, now=now)
            told.after = _resolved_fields(done)
        return done
    with sessions() as session:
        resolve_so = resolutions.credit if how == "credit" else resolutions.write_off
        done = resolve_so(session, decision, now=now)
        by_command.said(
            session,
            "exception.resolve",
            about=about,
            by=decision.actor,
            reason=reason,
            after=_resolved_fields(done),
            now=now,
        )
    return done


def _refund(sessions: Sessions, decision: Decision, *, now: datetime) -> Resolved:
    from app import refunding
    from rails import refunds

    return resolutions.refund(sessions, refunding.rails(sessions), refunds.request, decision, now=now)


def _refund_in_the_house(
    folder: Path, exception_id: int, *, reason: str, by: str, received: str | None, as_json: bool
) -> int:
    """The processor is asked under the settings of that house, which the environment need not have."""
    options = [f"--reason={reason}", f"--by={by}"]
    if received is not None:
        options.append(f"--received={received}")
    if as_json:
        options.append("--json")
    words = ("exceptions", "resolve", str(exception_id), "--as", "refund")
    return where.run_in_the_house(folder, *words, *options)


def _decision(
    sessions: Sessions, exception_id: int, *, reason: str, by: str, received: str | None, now: datetime
) -> Decision:
    seen = None
    if received is not None:
        with sessions() as session:
            asset = exceptions.case(session, exception_id, now=now).line.received.asset
        if not re.fullmatch(r"\d{1,60}(\.\d{1,18})?", received):
            raise typer.BadParameter("--received is an amount, as in 4.99")
        units = Decimal(received).scaleb(asset.scale)
        if units != int(units):
            raise typer.BadParameter(f"{asset.code} has {asset.scale} decimals")
        seen = Amount(int(units), asset)
    return Decision(exception_id, actor=f"operator:{by}", reason=reason, seen=seen)


def _age(text: str) -> timedelta:
    found = _AGE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no length of time: 30m, 12h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _table(lines: Sequence[Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("id", "age", "kind", "agent", "attempt"):
        table.add_column(heading, no_wrap=heading in ("id", "age", "kind"))
    for heading in ("expected", "received", "difference"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for line in lines:
        attempt = line.attempt
        late = ", late" if line.item.late and line.item.kind != "late" else ""
        table.add_row(
            str(line.exception_id),
            _short(line.age),
            line.item.kind + late,
            attempt.agent_id if attempt is not None else "-",
            attempt.payment_attempt_id if attempt is not None else str(line.item.subject),
            *map(_amount, (line.expected, line.received, line.difference)),
            line.state,
        )
    return table


def _told(case: Case, *, of_folder: str) -> Iterator[str]:
    line, item = case.line, case.line.item
    yield f"exception    {line.exception_id}, {line.state} for {_short(line.age)}"
    yield f"kind         {item.kind}: {kinds.MEANINGS[item.kind]}"
    if line.attempt is not None:
        yield f"agent        {line.attempt.agent_id}"
        yield f"attempt      {line.attempt.payment_attempt_id}, {line.attempt.state}, {line.attempt.rail_id}"
        late = ", some of it came later" if item.late else ""
        yield f"time to pay  until {iso(line.attempt.expires_at)}{late}"
    else:
        yield f"about        {item.subject}: {item.detail}"
    yield f"expected     {_amount(line.expected)}"
    yield f"received     {_amount(line.received)}{_finality(line)}"
    yield f"difference   {_amount(line.difference)}"
    if case.receipt is not None:
        yield f"granted      {case.receipt.credits} credits, {case.receipt.receipt_id}"
    for row in case.evidence:
        yield f"  {row.source:<10} {row.state:<12} {_detail(row.detail)}"
    for action in case.actions:
        yield f"  {iso(action.created_at)}  {action.action} by {action.actor}: {action.reason}"
    if item.closed_at is not None:
        yield f"closed       {iso(item.closed_at)} by {item.closed_by}: {item.resolution}"
        return
    if case.policy == "credit":
        yield "policy       is credited by itself once it is final, as the agent was promised"
    if item.kind == "deeper_than_final":
        yield f"next         nothing is read until a person runs: pennyrail chain restart BLOCK{of_folder}"
    yield from _choices(case, of_folder=of_folder)


def _choices(case: Case, *, of_folder: str) -> Iterator[str]:
    number, received = case.line.exception_id, case.line.received.decimal()
    for choice in case.choices.values():
        yield f"{'can' if choice.allowed else 'cannot':<7}{choice.action:<10} {choice.why}"
    yield "decide with"
    for choice in case.choices.values():
        if not choice.allowed:
            continue
        if choice.action == "wait":
            yield f"  pennyrail exceptions wait {number} --for 1d --reason WHY --by NAME{of_folder}"
            continue
        command = f"pennyrail exceptions resolve {number} --as {choice.action} --received {received}"
        yield f"  {command} --reason WHY --by NAME{of_folder}"


def _finality(line: Line) -> str:
    final = line.item.final_units
    if final is None or final >= line.item.received_units:
        return ""
    return f", {_amount(Amount(int(final), line.received.asset))} of it final"


def _resolved_words(done: Resolved) -> str:
    before = ", by an earlier call" if done.replayed else ""
    dust = f"; {_amount(done.dust)} is less than a cent, and only recorded" if done.dust.units else ""
    match done.action:
        case "credit":
            what = f"{done.cents.units} credits granted, transaction {done.ledger_transaction_id}"
        case "refund":
            what = f"{_amount(done.cents)} asked back from the processor"
        case _ if done.cents.units:
            what = f"{_amount(done.cents)} booked as unclaimed, transaction {done.ledger_transaction_id}"
        case _:
            what = "recorded, nothing is booked"
    return f"exception {done.exception_id}: {what}{dust}{before}"


def _line_fields(line: Line) -> dict[str, Any]:
    item, attempt = line.item, line.attempt
    return {
        "exception_id": line.exception_id,
        "kind": item.kind,
        "state": line.state,
        "age_seconds": int(line.age.total_seconds()),
        "agent_id": attempt.agent_id if attempt is not None else None,
        "payment_attempt_id": item.payment_attempt_id,
        "subject": item.subject,
        "detail": item.detail,
        "asset": item.asset,
        "expected_units": str(item.expected_units),
        "received_units": str(item.received_units),
        "difference_units": str(line.difference.units),
        "final_units": None if item.final_units is None else str(item.final_units),
        "late": item.late,
        "opened_at": iso(item.opened_at),
        "wait_until": None if item.wait_until is None else iso(item.wait_until),
        "closed_at": None if item.closed_at is None else iso(item.closed_at),
        "closed_by": item.closed_by,
        "resolution": item.resolution,
    }


def _case_fields(case: Case) -> dict[str, Any]:
    return {
        **_line_fields(case.line),
        "meaning": kinds.MEANINGS[case.line.item.kind],
        "attempt_state": case.line.attempt.state if case.line.attempt is not None else None,
        "receipt_id": case.receipt.receipt_id if case.receipt is not None else None,
        "undecided_units": str(case.situation.undecided.units),
        "policy": case.policy,
        "resolutions": [_choice_fields(choice) for choice in case.choices.values()],
        "actions": [
            {
                "action": row.action,
                "actor": row.actor,
                "reason": row.reason,
                "units": str(row.units),
                "cents": row.cents,
                "ledger_transaction_id": row.ledger_transaction_id,
                "wait_until": None if row.wait_until is None else iso(row.wait_until),
                "created_at": iso(row.created_at),
            }
            for row in case.actions
        ],
        "evidence": [
            {
                "source": row.source,
                "state": row.state,
                "detail": row.detail,
                "last_seen_at": iso(row.last_seen_at),
            }
            for row in case.evidence
        ],
    }


def _choice_fields(choice: Choice) -> dict[str, Any]:
    return {
        "resolution": choice.action,
        "allowed": choice.allowed,
        "why": choice.why,
        "cents": choice.cents.units,
        "dust_units": str(choice.dust.units),
    }


def _resolved_fields(done: Resolved) -> dict[str, Any]:
    return {
        "exception_id": done.exception_id,
        "resolution": done.action,
        "cents": done.cents.units,
        "dust_units": str(done.dust.units),
        "ledger_transaction_id": done.ledger_transaction_id,
        "replayed": done.replayed,
    }


def _detail(detail: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in detail.items() if value is not None)


def _amount(amount: Amount) -> str:
    return str(amount)


def _short(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for name, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{name}"
    return f"{seconds}s"


def _of(folder: Path | None) -> str:
    """The option that makes a command speak to the same house."""
    return "" if folder is None else f" --folder {shlex.quote(str(folder))}"


def _print_json(found: object) -> None:
    typer.echo(json.dumps(found, indent=2))


@contextmanager
def _house(folder: Path | None) -> Iterator[Sessions]:
    url = where.ledger(folder).database_url
    engine = database.connect(url, pool_size=1, application="pennyrail-exceptions")
    try:
        yield database.sessions(engine)
    finally:
        engine.dispose()


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    with _house(folder) as sessions, sessions() as session:
        yield session
