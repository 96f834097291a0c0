"""The kinds of text that requests may hold, and the rule that nothing else is accepted."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

# PostgreSQL holds no NUL in a text, and no log line or command wants the other control characters.
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"

Reference = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTABLE)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_PRINTABLE)]

# Plain ASCII, so that Python and PostgreSQL agree on what lower case is.
_EMAIL_SHAPED: Final = re.compile(r"[!-?A-~]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def inbox(given: object) -> str | None:
    """The inbox that was named, in lower case; None if it has not the shape of one."""
    contact = given.strip().lower() if isinstance(given, str) else ""
    return contact if len(contact) <= 254 and _EMAIL_SHAPED.fullmatch(contact) else None


def _whole(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


# JSON knows one kind of number: 500.0 is as whole as 500, and some languages write nothing else.
Whole = Annotated[int, BeforeValidator(_whole)]


class ClosedRequest(BaseModel):
    """A request whose fields are a closed list, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def described(query: type[BaseModel]) -> dict[str, Any]:
    """The parameters of a door that reads its query by itself, for the API document."""
    fields = query.model_json_schema()["properties"]
    return {
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in fields.items()
        ]
    }
