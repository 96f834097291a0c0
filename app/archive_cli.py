"""`pennyrail ledger archive` and `verify-archive`: a part of the book in a file that proves itself."""

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from app import receipt_cli, where
from app.where import DevHouse
from ledger import archive, database
from ledger.errors import ArchiveError, BadKey

out = Console(highlight=False, markup=False)
_NOT_SIGNED: Final = (
    "NOT SIGNED: this house has no receipt key, and `verify-archive --key` will refuse the file;"
    " set PENNYRAIL_RECEIPT_KEY_FILE (or PENNYRAIL_RECEIPT_KEY) and archive again"
)


def register(cli: typer.Typer) -> None:
    """Hang the commands into a group."""
    cli.command("archive")(write)
    cli.command("verify-archive")(verify)


def write(
    first: Annotated[int, typer.Argument(metavar="FROM", help="the number of the first seal")],
    last: Annotated[int, typer.Argument(metavar="TO", help="the number of the last seal")],
    file: Annotated[Path, typer.Argument(help="where to write; it must not be there yet")],
    folder: DevHouse = None,
) -> None:
    """Write seals and all that is under them to a file that proves itself. The book keeps them.

    The house's receipt key signs it; without one it says so.
    """
    from office.exports import store

    if file.exists():
        raise typer.BadParameter(f"{file} is there already")
    key = where.receipts(folder).signing_key
    engine = database.connect(where.ledger(folder).database_url, pool_size=1)
    try:
        with database.sessions(engine)() as session, store.written(file.parent, file.name) as (opened, _):
            for line in archive.write(session, first=first, last=last, key=key):
                opened.write(line.encode())
    except ArchiveError as error:
        _refuse(f"NOT ARCHIVED  {error}")
    finally:
        engine.dispose()
    out.print(f"seals {first} to {last} are in {file}", soft_wrap=True)
    if key is not None:
        out.print(f"signed by the key {key.public.thumbprint}", soft_wrap=True)
    else:
        out.print(_NOT_SIGNED, style="yellow", soft_wrap=True)


def verify(
    file: Annotated[Path, typer.Argument(help="the archive")],
    key: Annotated[
        Path | None, typer.Option(help="the public key in PEM, or the published set, to check the signature")
    ] = None,
) -> None:
    """Work an archive out again without the book. Exits 1 if it is not as it was sealed."""
    try:
        keys = receipt_cli.public_keys(key) if key is not None else ()
        with file.open(encoding="utf-8") as opened:
            found = archive.verify(opened, keys=keys)
    except (ArchiveError, BadKey) as error:
        _refuse(f"BROKEN        {error}")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None
    for line in found.lines():
        out.print(line, soft_wrap=True)


def _refuse(why: str) -> NoReturn:
    out.print(why, soft_wrap=True)
    raise typer.Exit(1)
