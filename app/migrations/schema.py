"""Whether a process can work with the schema that it finds: older never, newer unless that says otherwise."""

from pathlib import Path
from typing import Final

from psycopg.errors import UndefinedTable
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlmodel import text

from app.errors import WrongSchema
from ledger.database import Sessions

# The file of a revision has its name, and names begin with numbers in their order.
REVISIONS: Final = tuple(sorted(each.stem for each in Path(__file__).with_name("versions").glob("[0-9]*.py")))
FOUND: Final = (
    "SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') FROM alembic_version"
)
_NEEDS: Final = "needs code of "


def refusal(found: str | None, promise: str | None, *, known: tuple[str, ...] = REVISIONS) -> str | None:
    """Why this code cannot work with the schema of revision `found`, None if it can.

    `promise` is what the newest contraction wrote beside it: the oldest code that may still be running.
    """
    ours = known[-1]
    if found == ours:
        return None
    if found is None or found in known:
        return (
            f"the database has the schema of {found or 'no version'}, and this version needs {ours};"
            " run `pennyrail migrate` first"
        )
    needed = (promise or "").removeprefix(_NEEDS)
    if needed and needed not in known:
        return (
            f"the database has the schema of {found}, which needs code of {needed} or newer, and this is"
            f" {ours}; start the newer version"
        )
    return None


def promise(needed: str) -> str:
    """What a schema says of the oldest code that can work with it."""
    return f"{_NEEDS}{needed}"


def require(sessions: Sessions) -> None:
    """Refuse to start on a schema that this code cannot work with.

    A database that does not answer is no reason: it may come back, and readiness tells of it.

    raises: WrongSchema
    """
    try:
        with sessions() as session:
            found = session.connection().execute(text(FOUND)).one_or_none()
    except ProgrammingError as error:
        if not isinstance(error.orig, UndefinedTable):
            raise
        found = None
    except (OperationalError, InterfaceError):
        return
    said = refusal(*(found or (None, None)))
    if said is not None:
        raise WrongSchema(said)
