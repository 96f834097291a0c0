"""`pennyrail rail`: the rails there are, a new one, and whether one keeps what it declares."""

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from app import reasons, tables, where
from app.rail_kit import scaffold
from app.rail_kit.scaffold import CannotWrite
from app.times import iso
from app.where import DevHouse
from rails import registry
from rails.registry import BrokenRail

if TYPE_CHECKING:
    from sqlmodel import Session

    from office.actor import Actor

cli = typer.Typer(help="The ways of paying, and new ones.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
_TESTS: Final = "test_conformance.py"
_OF_THE_HOUSE: Final = Path(__file__).parents[1] / "tests" / "rails" / "conformance"
_CANNOT: Final = 2

AsJson = Annotated[bool, typer.Option("--json", help="for scripts")]
RailId = Annotated[str, typer.Argument(metavar="RAIL", help="an installed rail, such as stripe_checkout")]
Reason = Annotated[
    str, typer.Option(help="why, in a few words that stay in the house", callback=reasons.said)
]
By = Annotated[str | None, typer.Option(help="who says so; the user of this machine if not given")]


@cli.command("new")
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="what the rail is called, such as bank_transfer")
    ],
    into: Annotated[Path, typer.Option(metavar="PATH", help="the folder that gets the rail's folder")],
) -> None:
    """Write the folder of a new rail that passes the conformance suite as it is. Overwrites nothing."""
    try:
        written = scaffold.write(name, into=into, taken=_names())
    except CannotWrite as error:
        raise typer.BadParameter(str(error)) from None
    for file in written:
        out.print(str(file), soft_wrap=True)
    out.print(f"try it:     pennyrail rail check {shlex.quote(str(into / name))}", soft_wrap=True)
    out.print(f"enable it:  PYTHONPATH={shlex.quote(str(into))} PENNYRAIL_RAILS={name}:build", soft_wrap=True)


@cli.command("list")
def show(as_json: AsJson = False) -> None:
    """Show every installed rail and where it comes from. Reads no setting of any rail."""
    try:
        found = registry.plugged()
    except BrokenRail as error:
        typer.echo(f"pennyrail: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        rows = [
            {"rail_id": each.rail_id, "module": each.module, "asked_for_by": each.place} for each in found
        ]
        typer.echo(json.dumps(rows))
        return
    table = Table("rail", "module", "asked for by", box=None)
    for each in found:
        table.add_row(each.rail_id, each.module, each.place)
    tables.show(out, table)


@cli.command("check")
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="an installed rail, or the folder of a new one")
    ],
    tests: Annotated[
        Path | None, typer.Option(help="the rail's conformance test, if it is not beside the rail")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a rail's conformance suite, and show which claim is proven by which test. Exit 1 if one fails."""
    if find_spec("pytest") is None:
        raise typer.BadParameter("the conformance suite needs pytest, which is not installed")
    file = tests or _tests_of(name)
    if not file.exists():
        raise typer.BadParameter(f"there is no {file}: name the rail's conformance test with --tests")
    with tempfile.TemporaryDirectory(prefix="pennyrail-rail-") as folder:
        report = Path(folder) / "report.json"
        done = _run(file, report, quiet=as_json)
        if as_json and report.exists():
            typer.echo(report.read_text())
        if not report.exists() or not json.loads(report.read_text()):
            typer.echo(f"pennyrail: {file} ran no test of the conformance suite", err=True)
            raise typer.Exit(_CANNOT)
    raise typer.Exit(done)


@cli.command("off")
def turn_off(rail: RailId, reason: Reason, by: By = None, folder: DevHouse = None) -> None:
    """Refuse new quotes and payments on a rail. Payments that are open settle as ever."""
    from office import switching

    with _session(folder) as session:
        switching.turn_off(
            session, _actor(by), rail_id=_installed(rail), reason=reason, now=datetime.now(UTC)
        )
    out.print(f"{rail} is off: agents are told at once, and what is open settles as ever")


@cli.command("on")
def turn_on(rail: RailId, reason: Reason, by: By = None, folder: DevHouse = None) -> None:
    """Take quotes and payments on a rail again."""
    from office import switching

    with _session(folder) as session:
        switching.turn_on(session, _actor(by), rail_id=_installed(rail), reason=reason, now=datetime.now(UTC))
    out.print(f"{rail} is on")


@cli.command("switches")
def switched(as_json: AsJson = False, folder: DevHouse = None) -> None:
    """Show which rails are off, who turned each switch, and why. Exits 1 while one is off."""
    from rails import switches

    with _session(folder) as session:
        turns = list(switches.last_turns(session).values())
    if as_json:
        typer.echo(
            json.dumps([{**each.model_dump(), "turned_at": iso(each.turned_at)} for each in turns], indent=2)
        )
    elif not turns:
        out.print("no switch was ever turned: every rail is on")
    else:
        table = Table("rail", "is", "since", "by", "why", box=None)
        for each in turns:
            is_now = "on" if each.is_on else "off"
            table.add_row(each.rail_id, is_now, iso(each.turned_at), each.turned_by, each.reason)
        tables.show(out, table)
    if not all(each.is_on for each in turns):
        raise typer.Exit(1)


def _actor(by: str | None) -> "Actor":
    from app import by_command

    return by_command.who(by)


def _installed(rail_id: str) -> str:
    known = _names()
    if rail_id not in known:
        raise typer.BadParameter(f"no rail {rail_id} is installed; there are {', '.join(known)}")
    return rail_id


@contextmanager
def _session(folder: Path | None) -> Iterator["Session"]:
    from ledger import database

    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session:
            yield session
    finally:
        engine.dispose()


def _run(file: Path, report: Path, *, quiet: bool) -> int:
    words = ["-m", "pytest", "-q", "-p", "app.rail_kit.plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, *words, f"--rail-report={report}", str(file)]
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL if quiet else None).returncode


def _tests_of(name: str) -> Path:
    """The conformance test of a rail: in its folder, or in the tests of this house."""
    if Path(name).is_dir():
        return Path(name) / _TESTS
    try:
        found = {each.rail_id: each for each in registry.plugged()}
    except BrokenRail as error:
        raise typer.BadParameter(str(error)) from None
    if name not in found:
        known = ", ".join(found)
        raise typer.BadParameter(
            f"no rail {name} is installed, and no folder is called so; there are {known}"
        )
    module = import_module(found[name].module)
    folder = Path(str(module.__file__)).parent
    beside = folder / _TESTS
    return beside if beside.exists() else _OF_THE_HOUSE / f"test_{folder.name}.py"


def _names() -> list[str]:
    try:
        return registry.names()
    except BrokenRail:
        # Somebody who writes a new rail may have named it in the setting before.
        return []
