"""`pennyrail inbox`: the webhooks that came, what became of them, and what to do with those that broke."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app import by_command, tables, where
from app.where import DevHouse
from ledger import database
from rails import inbox_desk, redaction
from rails.models import Notice, NoticeAction

cli = typer.Typer(help="Webhooks that came, and what became of them.", no_args_is_help=True)
out = Console(highlight=False, markup=False)

Name = Annotated[str, typer.Argument(metavar="NOTICE", help="its number, or its id at Stripe, evt_...")]
AsJson = Annotated[bool, typer.Option("--json", help="for scripts")]
By = Annotated[str | None, typer.Option("--by", help="who decides this; the user of this shell if not given")]


@cli.command("list")
def show_many(
    state: Annotated[str | None, typer.Option(help="waiting, handled, ignored or dead")] = None,
    kind: Annotated[
        str | None, typer.Option(help="of this type; charge.dispute.* is all that begin so")
    ] = None,
    limit: Annotated[int, typer.Option(help="at most so many, the newest first", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show the newest notices, and why those that are dead or ignored are."""
    if state is not None and state not in inbox_desk.STATES:
        raise typer.BadParameter(f"--state is one of {', '.join(inbox_desk.STATES)}")
    with _session(folder) as session:
        found = inbox_desk.listed(session, state=state, kind=kind, limit=limit)
    if as_json:
        _say_json([_plain(each) for each in found])
        return
    table = Table("notice", "id at sender", "type", "state", "received", "came", "tries", "why", box=None)
    for each in found:
        table.add_row(
            *(str(each.notice_id), each.external_id, each.kind, each.state, _time(each.received_at)),
            *(f"{each.deliveries}x", str(each.attempts), each.reason or ""),
        )
    tables.show(out, table)


@cli.command("show")
def show_one(
    name: Name,
    body: Annotated[bool, typer.Option("--body", help="with what was sent, client secrets removed")] = False,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Show one notice: what it mentions, what it broke with, and what people made of it."""
    with _session(folder) as session:
        notice = inbox_desk.find(session, name)
        actions = inbox_desk.actions(session, notice)
    told = _plain(notice) | {"actions": [_plain_action(each) for each in actions]}
    if body:
        told["body"] = notice.body.decode(errors="replace")
    if as_json:
        _say_json(told)
        return
    for field, value in told.items():
        if field not in ("actions", "body") and value is not None:
            shown = " ".join(map(str, value)) if isinstance(value, list) else value
            out.print(f"{field:14}{shown}", soft_wrap=True)
    for each in actions:
        out.print(f"{_time(each.acted_at)}  {each.action} by {each.actor}: {each.reason}", soft_wrap=True)
    if body:
        out.print(told["body"], soft_wrap=True)


@cli.command("replay")
def replay(
    name: Annotated[str | None, typer.Argument(metavar="[NOTICE]", help="its number, or evt_...")] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="every dead one, oldest first")] = False,
    reason: Annotated[str, typer.Option(help="why, for the record")] = "by hand",
    by: By = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Have a notice handled anew, exactly as if it had come just now. The workers take it within seconds."""
    if (name is None) != all_dead:
        raise typer.BadParameter("give either a NOTICE or --all-dead")
    now, actor, why = datetime.now(UTC), _actor(by), _given(reason)
    with _session(folder) as session:
        if name is not None:
            found = [inbox_desk.replay(session, name=name, actor=actor, reason=why, now=now)]
        else:
            found = list(inbox_desk.replay_dead(session, actor=actor, reason=why, now=now))
        for each in found:
            about = ("notice", str(each.notice_id))
            by_command.said(session, "notice.replay", about=about, by=actor, reason=why, now=now)
    numbers = [each.notice_id for each in found]
    if as_json:
        _say_json({"replayed": numbers})
    else:
        out.print(f"{len(numbers)} to be handled anew: {', '.join(map(str, numbers)) or 'none was dead'}")


@cli.command("ignore")
def ignore(
    name: Name,
    reason: Annotated[str, typer.Option(help="why nobody has to look at it again")],
    by: By = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Have nobody look at a notice again. What it is about is looked at all the same when it knocks again."""
    now, why = datetime.now(UTC), _given(reason)
    with _session(folder) as session:
        notice = inbox_desk.ignore(session, name=name, actor=_actor(by), reason=why, now=now)
        about = ("notice", str(notice.notice_id))
        by_command.said(session, "notice.ignore", about=about, by=_actor(by), reason=why, now=now)
    if as_json:
        _say_json({"ignored": notice.notice_id})
    else:
        out.print(f"notice {notice.notice_id} is ignored")


@cli.command("stats")
def stats(as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show how many wait, since when, why the dead are dead, and up to where Stripe's list was read."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        found = inbox_desk.stats(session, now=now)
    waited = (now - found.oldest_waiting).total_seconds() if found.oldest_waiting else None
    told: dict[str, object] = {
        **found.states,
        "last_24_hours": found.lately,
        "repeated_deliveries": found.repeats,
        "found_in_list": found.found_in_list,
        "oldest_waiting_seconds": round(waited) if waited is not None else None,
        "dead_reasons": dict(found.dead_reasons),
        "list_read_until": {each.source: each.happened_at.isoformat() for each in found.cursors},
    }
    if as_json:
        _say_json(told)
        return
    for field, value in told.items():
        shown = (
            ", ".join(f"{key}: {each}" for key, each in value.items()) if isinstance(value, dict) else value
        )
        out.print(f"{field.replace('_', ' '):24}{'-' if shown in (None, '') else shown}", soft_wrap=True)


@cli.command("recover")
def recover(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="all since then, at most 30 days; else all since the last time. UTC if no zone is given",
        ),
    ] = None,
    as_json: AsJson = False,
    folder: DevHouse = None,
) -> None:
    """Read Stripe's own list of events, and keep what no webhook brought. Repeating it is harmless."""
    from rails import recovery
    from rails.stripe import client
    from rails.stripe.events import StripeMemory

    settings = where.stripe(folder)
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    begins = since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since
    try:
        memory = StripeMemory(client.connect(settings), settings)
        sessions = database.sessions(engine)
        found = recovery.recover(sessions, memory, now=datetime.now(UTC), since=begins)
    finally:
        engine.dispose()
    if as_json:
        _say_json({"listed": found.listed, "kept": found.notice_ids})
    else:
        out.print(f"{found.listed} events are listed, {len(found.notice_ids)} of them were missing")


def _plain(notice: Notice) -> dict[str, object]:
    return {
        "notice": notice.notice_id,
        "source": notice.source,
        "external_id": notice.external_id,
        "type": notice.kind,
        "state": notice.state,
        "reason": notice.reason,
        "error": notice.error,
        "mentions": list(notice.refs),
        "deliveries": notice.deliveries,
        "attempts": notice.attempts,
        "received_at": _time(notice.received_at),
        "try_at": _time(notice.try_at),
        "leased_until": _time(notice.leased_until),
        "handled_at": _time(notice.handled_at),
    }


def _plain_action(action: NoticeAction) -> dict[str, object]:
    return {
        "action": action.action,
        "actor": action.actor,
        "reason": action.reason,
        "from_state": action.from_state,
        "acted_at": _time(action.acted_at),
    }


def _time(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _given(reason: str) -> str:
    # It stands beside what everybody on duty reads.
    told = redaction.redact(reason.strip())[:500]
    if not told:
        raise typer.BadParameter("--reason must say something")
    return told


def _actor(by: str | None) -> str:
    told = (by if by is not None else by_command.user()).strip()
    if not told:
        raise typer.BadParameter("--by must name somebody")
    return told[:100]


def _say_json(told: object) -> None:
    typer.echo(json.dumps(told, indent=2))


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()
