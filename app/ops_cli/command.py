"""The commands of operators: built from the rows, and the few that are about the session itself."""

import inspect
import keyword
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from app.ops_cli import printing, session, speaking
from app.ops_cli.rows import GROUPS, ROWS, Option, Row
from app.ops_cli.settings import OpsSettings
from app.where import DevHouse

_ARGUMENTS: Final = re.compile(r"{(\w+)}")
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]
Code = Annotated[str, typer.Option("--code", help="the code your app shows, for what moves money")]

cli = typer.Typer(
    help="What operators do: the same as on the console's pages, under the same roles, in the same log.",
    no_args_is_help=True,
)


@cli.command()
def keygen() -> None:
    """Print a new key for PENNYRAIL_CONSOLE_KEYS."""
    from outbound import vault

    typer.echo(vault.new_key())


@cli.command()
def rewrap(folder: DevHouse = None) -> None:
    """Encrypt operators' second factors under the first key of PENNYRAIL_CONSOLE_KEYS: the others can go."""
    from app import by_command, where
    from ledger import database
    from office import operators
    from office.settings import ConsoleSettings

    engine = database.connect(where.ledger(folder).database_url, pool_size=1, application="pennyrail-ops")
    try:
        with database.sessions(engine)() as opened:
            count = operators.rewrap(opened, vault=ConsoleSettings().vault)
            told, now = {"secrets": count}, datetime.now(UTC)
            by_command.said(opened, "operator.rewrap", about=("operator", "all"), after=told, now=now)
    finally:
        engine.dispose()
    typer.echo(f"{count} second factors are under the newest key")


@cli.command("first-admin")
def first_admin(
    email: Annotated[str, typer.Option(help="whom to invite")],
    name: Annotated[str, typer.Option(help="what the person is called")],
    hours: Annotated[int, typer.Option(help="how long the invitation is good", min=1, max=720)] = 72,
    folder: DevHouse = None,
) -> None:
    """Invite the first admin, who invites all others. The invitation is printed once.

    Until that person has enrolled, the same command makes another, and the one before opens nothing.
    """
    from app import where
    from ledger import database
    from office import operators
    from office.actor import command

    engine = database.connect(where.ledger(folder).database_url, pool_size=1, application="pennyrail-ops")
    now = datetime.now(UTC)
    try:
        with database.sessions(engine)() as opened:
            invitation = operators.invite_first_admin(
                opened,
                email=email,
                name=name,
                by=command("first-admin"),
                good_for=timedelta(hours=hours),
                now=now,
            )
    finally:
        engine.dispose()
    for line in where.console(folder).how_to_enrol(email):
        typer.echo(line, err=True)
    typer.echo(invitation)


@cli.command()
def login(
    url: Annotated[
        str, typer.Option(envvar="PENNYRAIL_OPS_URL", is_eager=True, help="the service, https://…")
    ],
    email: Annotated[str, typer.Option(prompt=True, help="who you are")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, help="better typed than given")] = "",
    code: Annotated[str, typer.Option(prompt="Code from your app", help="the code your app shows")] = "",
) -> None:
    """Sign in; the session is kept in a file that only you can read."""
    file = OpsSettings().file
    session.save(file, speaking.sign_in(url, email=email, password=password, code=code))
    typer.echo(f"signed in as {email}; the session is in {file}")


@cli.command()
def logout() -> None:
    """End the session, here and there."""
    printing.show(speaking.post("/console/sign-out", {}), as_json=False)
    session.forget(OpsSettings().file)


@cli.command("get")
def get_page(
    path: Annotated[str, typer.Argument(help="the path of any page, /console/…")], as_json: AsJson = False
) -> None:
    """Read any page."""
    printing.show(speaking.get(path, {}), as_json=as_json)


@cli.command("download")
def download(
    path: Annotated[str, typer.Argument(help="the path of a file, /console/exports/…/file")],
    to: Annotated[Path, typer.Option(help="where to write it", dir_okay=False)],
) -> None:
    """Download a file; it is there whole or not at all."""
    fresh = to.with_name(f".{to.name}.part")
    try:
        with fresh.open("wb") as opened:
            count = speaking.download(path, opened)
        fresh.replace(to)
    finally:
        fresh.unlink(missing_ok=True)
    typer.echo(f"{count} bytes in {to}")


def build(rows: Iterable[Row] = ROWS) -> typer.Typer:
    """Add a command for every row."""
    groups: dict[str, typer.Typer] = {}
    for row in rows:
        group, _, name = row.words.partition(" ")
        if not name:
            cli.command(group, help=row.about)(_command(row))
            continue
        if group not in groups:
            groups[group] = typer.Typer(no_args_is_help=True)
            cli.add_typer(groups[group], name=group, help=GROUPS[group])
        groups[group].command(name, help=row.about)(_command(row))
    return cli


def _command(row: Row) -> Callable[..., None]:
    arguments = _ARGUMENTS.findall(row.path)
    after = "--before" if any(each.name == "before" for each in row.options) else "--after"

    def run(**given: Any) -> None:
        as_json, code = given.pop("as_json"), given.pop("code", "")
        path = _ARGUMENTS.sub(lambda found: quote(str(given.pop(found[1])), safe=""), row.path)
        # `from` and `for` are fields of forms, and no names of parameters.
        told = {
            name.rstrip("_"): value.value if isinstance(value, Enum) else value
            for name, value in given.items()
        }
        found = speaking.get(path, told) if row.method == "GET" else speaking.post(path, told, code=code)
        printing.show(found, as_json=as_json, after=after)

    parameters = [
        _parameter(name, Annotated[str, typer.Argument(metavar=name.upper())]) for name in arguments
    ]
    parameters += [_option(each) for each in row.options]
    if row.method == "POST":
        parameters.append(_parameter("code", Code, default=""))
    parameters.append(_parameter("as_json", AsJson, default=False))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _option(option: Option) -> inspect.Parameter:
    flag = f"--{option.name.replace('_', '-')}"
    kind: Any = _one_of(option) if option.choices else str
    if option.required:
        return _parameter(option.name, Annotated[kind, typer.Option(flag, help=option.help)])
    return _parameter(option.name, Annotated[kind | None, typer.Option(flag, help=option.help)], default=None)


def _one_of(option: Option) -> type[Enum]:
    words = {each: each for each in option.choices}
    return Enum(option.name, words, type=str)  # type: ignore[return-value]


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    name = f"{name}_" if keyword.iskeyword(name) else name
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


build()
