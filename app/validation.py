"""What is wrong with a request, said without repeating what was sent."""

import re
from typing import Final

from fastapi.exceptions import RequestValidationError

from app import credentials, errors
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
_MOST_SENTENCES: Final = 5
_WITHOUT_FLAG: Final = frozenset({"return_token", "wait"})
# What a misspelled field looks like. Passwords and keys have digits, or no end.
_PLAIN_NAME: Final = re.compile(r"(?=.{1,40}$)[A-Za-z]{1,20}(?:[_-][A-Za-z]{1,20})*")


def explain(error: RequestValidationError) -> errors.InvalidArguments:
    """The refusal for what FastAPI found, repeating no value, and no name that may be one."""
    problems = error.errors()
    fields = tuple(dict.fromkeys(name for problem in problems if (name := _field(problem["loc"]))))
    sentences = list(dict.fromkeys(map(_sentence, problems)))
    return errors.InvalidArguments("; ".join(sentences[:_MOST_SENTENCES]), fields)


def _sentence(problem: dict[str, object]) -> str:
    kind = problem["type"]
    if kind == CONTACT_ERROR:
        return str(problem["msg"])
    if kind == "extra_forbidden":
        return _unknown(problem["loc"])
    field = _field(problem["loc"])
    if field is None:
        return "the body must be a JSON object with the fields of the contract"
    if kind not in _SAYS_ONLY_THE_RULE:
        return f"{field} is not valid"
    return f"{field}: {str(problem['msg']).lower()}"


def _unknown(place: object) -> str:
    """The sentence for a field that nobody knows: by its name, unless a secret may have slipped there."""
    name = place[-1] if isinstance(place, tuple) and place else None
    plain = isinstance(name, str) and _PLAIN_NAME.fullmatch(name) is not None
    if not plain or credentials.anywhere_in({name: None}):
        return "the request holds a field that is not part of the contract"
    return f"{name} is not a field of the contract"


def _field(place: object) -> str | None:
    last = place[-1] if isinstance(place, tuple) and place else None
    return last if isinstance(last, str) and (last in FLAGS or last in _WITHOUT_FLAG) else None
