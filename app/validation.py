"""What is wrong with a request, said without repeating what was sent."""

from typing import Final

from fastapi.exceptions import RequestValidationError

from app import errors
from app.commands import FLAGS

# These messages of pydantic's are made of the rule alone. Any other may quote the value.
_SAYS_ONLY_THE_RULE: Final = frozenset(
    {
        "missing",
        "int_type",
        "int_parsing",
        "bool_type",
        "string_type",
        "string_too_short",
        "string_too_long",
        "greater_than_equal",
        "less_than_equal",
    }
)
CONTACT_ERROR: Final = "contact"


def explain(error: RequestValidationError) -> errors.InvalidArguments:
    """The refusal for what FastAPI found, naming only fields that the contract has."""
    problems = error.errors()
    fields = tuple(dict.fromkeys(name for problem in problems if (name := _field(problem["loc"]))))
    return errors.InvalidArguments("; ".join(dict.fromkeys(map(_sentence, problems))), fields)


def _sentence(problem: dict[str, object]) -> str:
    kind = problem["type"]
    if kind == CONTACT_ERROR:
        return str(problem["msg"])
    if kind == "extra_forbidden":
        return "the request holds a field that is not part of the contract"
    field = _field(problem["loc"])
    if field is None:
        return "the body must be a JSON object with the fields of the contract"
    if kind not in _SAYS_ONLY_THE_RULE:
        return f"{field} is not valid"
    return f"{field}: {str(problem['msg']).lower()}"


def _field(place: object) -> str | None:
    last = place[-1] if isinstance(place, tuple) and place else None
    return last if isinstance(last, str) and (last in FLAGS or last == "return_token") else None
