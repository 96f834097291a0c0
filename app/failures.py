"""What a command says when it cannot do its work: what is wrong and what to do, never a traceback."""

from psycopg.errors import InsufficientPrivilege, UndefinedTable
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError

from app import errors
from ledger.errors import Malformed, NotClosable
from outbound.errors import OutboundError
from rails import redaction, registry
from rails.chain.errors import ChainError
from rails.errors import OperatorError, RailError, RailsError


def told(error: Exception) -> str | None:
    """The words for a failure that a command expects, None for one that is a fault of ours."""
    match error:
        case errors.SettingsRefused() | errors.WrongSchema():
            return f"cannot start: {error}"
        case ValidationError():
            # A rail from another package: only its own class knows the names of its variables.
            fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            return f"cannot start: wrong settings of {error.title}: {fields}; see .env.example"
        case OperationalError() | InterfaceError():
            return f"the database does not answer: {_first_line(error)}; is DATABASE_URL right, and is it up?"
        case ProgrammingError(orig=UndefinedTable()):
            return "the database has no tables of this version yet; run `pennyrail migrate` first"
        case ProgrammingError(orig=InsufficientPrivilege()):
            return (
                "this login of the database may not do that: run it as the service (DATABASE_URL); tokens,"
                " endpoints and `figures rebuild` need its owner's (PENNYRAIL_MIGRATE_DATABASE_URL)"
            )
        case registry.BrokenRail():
            return f"cannot start: {error}"
        case RailError():
            return f"the payment provider did not do it: {redaction.redact(str(error))}; try again later"
        case OutboundError() | OperatorError() | RailsError() | NotClosable() | Malformed():
            return str(error)
        case ChainError():
            return f"the chain could not be read: {error}"
        case _:
            return None


def _first_line(error: DBAPIError) -> str:
    return redaction.redact(str(error.orig).strip().partition("\n")[0])
