"""Commands on outgoing webhooks: who is told, what came of it, and telling again."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from sqlmodel import Session

from app import by_command, where
from app.where import DevHouse
from ledger import database
from outbound import endpoints, payloads, replays, vault
from outbound.errors import BadEventType, ForbiddenUrl
from outbound.models import Attempt

endpoint_cli = typer.Typer(help="Endpoints that are told what happens.", no_args_is_help=True)
log_cli = typer.Typer(help="What endpoints were told.", no_args_is_help=True)
_STATES: Final = ("pending", "delivered", "failed")
out = Console(highlight=False, markup=False)
EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="an endpoint, ep_...")]
To = Annotated[str, typer.Option("--endpoint", metavar="ENDPOINT_ID", help="whom to tell, ep_...")]


@endpoint_cli.command("keygen")
def keygen() -> None:
    """Print a new key for PENNYRAIL_WEBHOOK_KEYS, under which the endpoints' secrets are kept."""
    typer.echo(vault.new_key())


@endpoint_cli.command("create")
def create(
    url: Annotated[str, typer.Argument(help="where to send, https://...")],
    event: Annotated[
        list[str] | None, typer.Option(help="a type of event; repeat for more, all if none is given")
    ] = None,
    folder: DevHouse = None,
) -> None:
    """Make an endpoint. Its secret is printed once, alone on the standard output."""
    told, now = where.outbound(folder), datetime.now(UTC)
    with _session(folder) as session:
        try:
            made, secret = endpoints.create(
                session, url=url, event_types=event or [], rules=told.rules, vault=told.vault, now=now
            )
        except (ForbiddenUrl, BadEventType) as error:
            raise typer.BadParameter(str(error)) from None
        # What comes after a question mark may be a secret of theirs.
        after = {"url": made.url.partition("?")[0], "event_types": list(made.event_types)}
        _said(session, "endpoint.create", made.endpoint_id, after=after, now=now)
        typer.echo(f"{made.endpoint_id}: {', '.join(made.event_types)}", err=True)
    typer.echo(secret)


@endpoint_cli.command("list")
def show(folder: DevHouse = None) -> None:
    """Show every endpoint, whether it is well, and why it was disabled."""
    with _session(folder) as session:
        found = endpoints.listed(session)
        for each in found:
            state = (
                f"disabled {_time(each.disabled_at)}: {each.disabled_reason}"
                if each.disabled_at
                else (f"failing since {_time(each.failing_since)}" if each.failing_since else "enabled")
            )
            # What comes after a question mark may be a secret of theirs.
            url = each.url.partition("?")[0]
            out.print(f"{each.endpoint_id}  {url}  {state}  {','.join(each.event_types)}", soft_wrap=True)
    if not found:
        out.print("there are no endpoints")


@endpoint_cli.command("disable")
def disable(endpoint_id: EndpointId, folder: DevHouse = None) -> None:
    """Send nothing more to an endpoint. What is pending waits; what happens meanwhile can be replayed."""
    now = datetime.now(UTC)
    with _session(folder) as session:
        done = endpoints.disable(session, endpoint_id, reason="by hand", now=now)
        if done:
            _said(session, "endpoint.disable", endpoint_id, now=now)
    out.print("disabled" if done else "it was disabled already")


@endpoint_cli.command("enable")
def enable(endpoint_id: EndpointId, folder: DevHouse = None) -> None:
    """Send to an endpoint again, and say how to tell it what it missed."""
    with _session(folder) as session:
        since = endpoints.enable(session, endpoint_id)
        if since:
            _said(session, "endpoint.enable", endpoint_id, now=datetime.now(UTC))
    out.print("enabled" if since else "it was enabled already")
    if since:
        command = f"webhook replay --since {since.isoformat()} --endpoint {endpoint_id}"
        out.print(f"for what happened meanwhile: pennyrail {command}{_of(folder)}", soft_wrap=True)


@endpoint_cli.command("rotate-secret")
def rotate_secret(
    endpoint_id: EndpointId,
    overlap_hours: Annotated[
        float, typer.Option(help="how long messages carry a signature of the old one too", min=0, max=720)
    ] = 24,
    folder: DevHouse = None,
) -> None:
    """Make a new secret. It is printed once, alone on the standard output."""
    told, now = where.outbound(folder), datetime.now(UTC)
    overlap = timedelta(hours=overlap_hours)
    with _session(folder) as session:
        secret = endpoints.rotate_secret(session, endpoint_id, overlap=overlap, vault=told.vault, now=now)
        _said(session, "endpoint.rotate_secret", endpoint_id, after={"until": _time(now + overlap)}, now=now)
    typer.echo(f"the old secret signs until {_time(now + overlap)}", err=True)
    typer.echo(secret)


@endpoint_cli.command("rewrap")
def rewrap(folder: DevHouse = None) -> None:
    """Encrypt every secret under the first key of PENNYRAIL_WEBHOOK_KEYS, so that the others can go."""
    told, now = where.outbound(folder), datetime.now(UTC)
    with _session(folder) as session:
        count = endpoints.rewrap(session, vault=told.vault)
        by_command.said(
            session, "endpoint.rewrap", about=("endpoint", "all"), after={"secrets": count}, now=now
        )
    out.print(f"{count} secrets are under the newest key")


@endpoint_cli.command("test")
def send_test(endpoint_id: EndpointId, folder: DevHouse = None) -> None:
    """Have the workers send an endpoint something that means nothing."""
    with _session(folder) as session:
        event_id = replays.send_test(session, endpoint_id, now=datetime.now(UTC))
    command = f"webhook deliveries --event {event_id}{_of(folder)}"
    out.print(f"{event_id} is on its way; see: pennyrail {command}", soft_wrap=True)


@log_cli.command("deliveries")
def deliveries(
    endpoint: Annotated[str | None, typer.Option(metavar="ENDPOINT_ID", help="of this endpoint")] = None,
    state: Annotated[str | None, typer.Option(help="pending, delivered or failed")] = None,
    event: Annotated[str | None, typer.Option(metavar="EVENT_ID", help="every try to tell this one")] = None,
    limit: Annotated[int, typer.Option(help="at most so many, the newest first", min=1, max=10_000)] = 50,
    folder: DevHouse = None,
) -> None:
    """Show deliveries and their newest try, or every try to tell one event."""
    if state is not None and state not in _STATES:
        raise typer.BadParameter("--state is pending, delivered or failed")
    with _session(folder) as session:
        if event is not None:
            tries = replays.attempts(session, event_id=event)
            for tried in tries:
                out.print(
                    f"{_time(tried.started_at)}  {tried.endpoint_id}  {_came_of(tried)}", soft_wrap=True
                )
                if tried.answer:
                    out.print(f"    {tried.answer}", soft_wrap=True)
            if not tries:
                out.print("nobody was told of this event")
            return
        found = replays.deliveries(session, endpoint_id=endpoint, state=state, limit=limit)
        for each in found:
            row, happened = each.delivery, each.event
            then = f"next {_time(row.try_at)}" if row.try_at else ""
            said = _came_of(each.latest) if each.latest else "not tried yet"
            out.print(
                f"{row.event_id}  {happened.type}  {_time(happened.occurred_at)}  {row.endpoint_id}"
                f"  {row.state}  {said}  {then}".rstrip(),
                soft_wrap=True,
            )
    if not found:
        out.print("there are no deliveries")


@log_cli.command("replay")
def replay(
    endpoint: To,
    event_id: Annotated[str | None, typer.Argument(metavar="[EVENT_ID]", help="one event, msg_...")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"],
            help="all that happened since; UTC if no zone is given",
        ),
    ] = None,
    folder: DevHouse = None,
) -> None:
    """Tell an endpoint again, under the ids it knows: one event, or all since a time that it wants."""
    if (event_id is None) == (since is None):
        raise typer.BadParameter("give either an EVENT_ID or --since")
    now, told = datetime.now(UTC), 1
    with _session(folder) as session:
        if event_id is not None:
            replays.replay_one(session, event_id=event_id, endpoint_id=endpoint, now=now)
        elif since is not None:
            begins_at = since if since.tzinfo else since.replace(tzinfo=UTC)
            told = replays.replay_since(session, since=begins_at, endpoint_id=endpoint, now=now)
        after = {"event": event_id, "since": _time(since) if since else None, "events": told}
        _said(session, "delivery.replay", endpoint, after=after, now=now)
    out.print(f"{told} events are on their way" if told != 1 else "1 event is on its way")


@log_cli.command("events")
def events() -> None:
    """Show the types of events that an endpoint can ask for."""
    for each in payloads.TYPES:
        out.print(each)


def _of(folder: Path | None) -> str:
    """The option that makes a command speak to the same house."""
    return f" --folder {shlex.quote(str(folder))}" if folder is not None else ""


def _said(
    session: Session,
    action: str,
    endpoint_id: str,
    *,
    after: Mapping[str, object] | None = None,
    now: datetime,
) -> None:
    by_command.said(session, action, about=("endpoint", endpoint_id), after=after, now=now)


def _came_of(tried: Attempt) -> str:
    return f"{tried.status or '-'} {tried.error or 'ok'} in {tried.duration_ms} ms"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else "-"


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    """As the owner of the database: the service itself may not make endpoints."""
    engine = database.connect(where.owner_url(folder), pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()
