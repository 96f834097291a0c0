"""The kinds of text that requests may hold, and the rule that nothing else is accepted."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints

# PostgreSQL holds no NUL in a text, and no log line or command wants the other control characters.
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"

Reference = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTABLE)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=_PRINTABLE)]


class ClosedRequest(BaseModel):
    """A request whose fields are a closed list, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)
