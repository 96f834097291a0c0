"""`pennyrail rail`: the rails there are, a new one, and whether one keeps what it declares."""

import json
import shlex
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from app.rail_kit import scaffold
from app.rail_kit.scaffold import CannotWrite
from rails import registry
from rails.registry import BrokenRail

cli = typer.Typer(help="The ways of paying, and new ones.", no_args_is_help=True)
out = Console(highlight=False, markup=False)
_TESTS: Final = "test_conformance.py"
_OF_THE_HOUSE: Final = Path(__file__).parents[1] / "tests" / "rails" / "conformance"
_CANNOT: Final = 2

AsJson = Annotated[bool, typer.Option("--json", help="for scripts")]


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
    out.print(table)


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
