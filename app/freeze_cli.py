"""`pennyrail agent-spending`: who may not spend, and why."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from app import by_command, reasons, tables, where
from app.models import Agent
from app.times import iso
from app.where import DevHouse
from ledger import database, freezes
from ledger.freezes import Frozen
from office import freezing

cli = typer.Typer(help="Agents that may not spend.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
AgentId = Annotated[str, typer.Argument(metavar="AGENT_ID", help="the agent, agt_...")]
Reason = Annotated[
    str, typer.Option(help="why, in a few words that stay in the house", callback=reasons.said)
]
By = Annotated[str | None, typer.Option(help="who says so; the user of this machine if not given")]
AsJson = Annotated[bool, typer.Option("--json", help="as JSON, for scripts")]


@cli.command("freeze")
def freeze(agent_id: AgentId, reason: Reason, by: By = None, folder: DevHouse = None) -> None:
    """Have the book refuse every new hold and debit of an agent. Holds that stand are settled as ever."""
    with _session(folder) as session:
        _known(session, agent_id)
        who = by_command.who(by)
        freezing.freeze(session, who, agent_id=agent_id, reason=reason, now=datetime.now(UTC))
    out.print(f"{agent_id} may spend nothing new")


@cli.command("unfreeze")
def unfreeze(agent_id: AgentId, reason: Reason, by: By = None, folder: DevHouse = None) -> None:
    """Lift every freeze of an agent. None of them comes back by itself, whatever its bank says."""
    now, who = datetime.now(UTC), by_command.who(by)
    with _session(folder) as session:
        _known(session, agent_id)
        stood = freezes.standing(session, agent_id=agent_id)
        for each in stood:
            freezing.lift(session, who, agent_id=agent_id, freeze_id=each.freeze_id, reason=reason, now=now)
    lifted = len(stood)
    out.print(f"{lifted} lifted; {agent_id} may spend" if lifted else f"{agent_id} was not frozen")


@cli.command("list")
def frozen(as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show who is frozen now, and why."""
    with _session(folder) as session:
        found = [Frozen(each, None) for each in freezes.all_standing(session)]
    if as_json:
        sys.stdout.write(json.dumps([*map(_told, found)], indent=2) + "\n")
        return
    table = _columns("agent", "since", "why", "by")
    for each in found:
        table.add_row(
            each.freeze.agent_id, iso(each.freeze.frozen_at), each.freeze.reason, each.freeze.frozen_by
        )
    if found:
        tables.show(out, table)
    else:
        out.print("nobody is frozen")


@cli.command("show")
def show(agent_id: AgentId, as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show every freeze an agent ever had, who made it and who lifted it. Exits 1 while one stands."""
    with _session(folder) as session:
        _known(session, agent_id)
        found = freezes.history(session, agent_id=agent_id)
    if as_json:
        sys.stdout.write(json.dumps([*map(_told, found)], indent=2) + "\n")
    else:
        if found:
            tables.show(out, _table(found))
        else:
            out.print(f"{agent_id} was never frozen")
    if any(each.thaw is None for each in found):
        raise typer.Exit(1)


def _known(session: Session, agent_id: str) -> None:
    if session.get(Agent, agent_id) is None:
        raise typer.BadParameter("no agent has this id")


def _told(found: Frozen) -> Mapping[str, object]:
    thaw = found.thaw
    return {
        "freeze_id": found.freeze.freeze_id,
        "agent_id": found.freeze.agent_id,
        "reference": found.freeze.reference,
        "reason": found.freeze.reason,
        "frozen_by": found.freeze.frozen_by,
        "frozen_at": iso(found.freeze.frozen_at),
        "thawed_by": thaw.thawed_by if thaw else None,
        "thawed_at": iso(thaw.thawed_at) if thaw else None,
        "thaw_reason": thaw.reason if thaw else None,
    }


def _table(found: Sequence[Frozen]) -> Table:
    table = _columns("since", "why", "by", "follows from", "lifted")
    for each in found:
        thaw = each.thaw
        lifted = f"{iso(thaw.thawed_at)} by {thaw.thawed_by}: {thaw.reason}" if thaw else "no"
        frozen = each.freeze
        table.add_row(iso(frozen.frozen_at), frozen.reason, frozen.frozen_by, frozen.reference, lifted)
    return table


def _columns(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


@contextmanager
def _session(folder: Path | None) -> Iterator[Session]:
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()
