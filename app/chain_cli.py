"""`pennyrail chain`: how the reading of Base stands, and reading it by hand."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app import by_command, tables, where
from app.where import DevHouse

if TYPE_CHECKING:
    from app.chain_status import ChainStatus
    from rails.chain.scanner import RescanReport
    from workers.wiring import Reader

cli = typer.Typer(help="Reading Base.", no_args_is_help=True)
out = Console(highlight=False, markup=False)


@cli.command("status")
def status(
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    history: Annotated[int, typer.Option(help="so many alarms that have ended, too", min=0, max=1000)] = 0,
    folder: DevHouse = None,
) -> None:
    """Show how far Base was read, through which nodes, and every open alarm. Exits 1 if there is one."""
    from app import chain_status

    with _reading(folder) as house:
        found = chain_status.ask(house, now=datetime.now(UTC), history=history)
    if as_json:
        json.dump(found.plain(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(found)
    if found.open_alarms:
        raise typer.Exit(1)


@cli.command("rescan")
def rescan(
    from_block: Annotated[int, typer.Argument(help="first block", min=0)],
    to_block: Annotated[int, typer.Argument(help="last block", min=0)],
    folder: DevHouse = None,
) -> None:
    """Read a range of blocks again. What is already known is not counted twice."""
    from rails.chain import scanner
    from workers.watching import StoryWatch

    if to_block < from_block:
        raise typer.BadParameter(f"the last block, {to_block}, is before the first, {from_block}")
    now = datetime.now(UTC)
    with _reading(folder) as house, _shown_progress(from_block, to_block) as told:
        plan, about = house.chain.plan, ("chain", str(house.chain.base_chain_id))
        report = scanner.rescan(
            house.sessions,
            house.providers.in_order()[0],
            StoryWatch(now),
            token=plan.token,
            from_block=from_block,
            to_block=to_block,
            now=now,
            limits=plan.limits,
            others=plan.others,
            told=told,
        )
        with house.sessions() as session:
            after = {"from_block": report.from_block, "to_block": report.to_block, "new": report.new}
            by_command.said(session, "chain.rescan", about=about, after=after, now=now)
    if report.to_block < from_block:
        out.print(f"nothing was read: the watcher has not come to block {from_block} yet")
        return
    read = f"blocks {report.from_block} to {report.to_block}"
    came_back = f", {report.revived} back on the chain" if report.revived else ""
    out.print(f"{read}: {report.rows} transfers seen, {report.new} of them new{came_back}")
    if report.to_block < to_block:
        out.print(f"blocks from {report.to_block + 1} on are still the watcher's to read")


@cli.command("restart")
def restart(
    from_block: Annotated[int, typer.Argument(help="go on after this block", min=0)],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    folder: DevHouse = None,
) -> None:
    """Go on after a final block changed, on the chain as it is now. Until then nothing is read.

    Take a block below the change: the last one that another node or an explorer has with the same hash.
    """
    from rails.chain import deposits, scanner

    with _reading(folder) as house:
        with house.sessions() as session:
            state = deposits.watcher_state(session, chain_id=house.chain.base_chain_id)
        if state is None or state.deeper_than_final_at is None:
            out.print("the watcher has not stopped; blocks are read again by: pennyrail chain rescan")
            raise typer.Exit(1)
        stopped = f"It stopped at block {state.block_number}."
        question = f"{stopped} Go on after block {from_block}, on the chain as it is now?"
        if not yes and not typer.confirm(question):
            raise typer.Exit(1)
        now, about = datetime.now(UTC), ("chain", str(house.chain.base_chain_id))
        with by_command.recorded(house.sessions, "chain.restart", about=about, now=now) as told:
            lost = scanner.restart(
                house.sessions, house.providers.in_order()[0], from_block=from_block, now=now
            )
            told.after = {"from_block": from_block, "stopped_at": state.block_number, "lost": len(lost)}
    out.print(f"the watcher goes on after block {from_block}")
    for each in lost:
        where_it_was = f"{each.amount} units to {each.address} in block {each.block_number}"
        out.print(
            f"no longer on the chain, for you to decide: {where_it_was}, {each.tx_hash}", soft_wrap=True
        )


def _print(found: "ChainStatus") -> None:
    table = Table(box=box.SIMPLE, show_header=False)
    for name, value in found.lines():
        table.add_row(name, value)
    tables.show(out, table)
    for alarm in found.alarms:
        ended = f", ended {alarm.closed_at:%Y-%m-%dT%H:%M:%SZ}" if alarm.closed_at else ""
        about = f" {alarm.subject}" if alarm.subject else ""
        since = f"since {alarm.opened_at:%Y-%m-%dT%H:%M:%SZ}{ended}"
        style = None if alarm.closed_at else "red"
        out.print(f"{alarm.kind}{about} {since}: {alarm.detail}", style=style, soft_wrap=True)
    if found.watcher is not None and found.watcher.deeper_than_final_at is not None:
        out.print("nothing is read until a person decides: pennyrail chain restart BLOCK", soft_wrap=True)
    if not found.open_alarms:
        out.print("no open alarms")


@contextmanager
def _reading(folder: Path | None) -> Iterator["Reader"]:
    from workers import wiring

    house = wiring.reader(*where.reading(folder))
    try:
        yield house
    finally:
        house.close()


@contextmanager
def _shown_progress(from_block: int, to_block: int) -> Iterator[Callable[["RescanReport"], None]]:
    """A bar on a terminal; on anything else nothing."""
    with Progress(console=out, transient=True, disable=not out.is_terminal) as shown:
        bar = shown.add_task("reading", total=to_block - from_block + 1)

        def told(report: "RescanReport") -> None:
            done = report.to_block - report.from_block + 1
            shown.update(bar, completed=done, description=f"block {report.to_block}, {report.new} new")

        yield told
