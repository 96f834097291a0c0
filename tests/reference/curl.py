"""One call of a door with curl. What a call before it returned stands in a variable of the shell."""

import json
from typing import Any, Final
from urllib.parse import quote

Json = dict[str, Any]

VARIABLES: Final = {
    "quote_id": "QUOTE",
    "payment_attempt_id": "ATTEMPT",
    "receipt_id": "RECEIPT",
    "reference": "ATTEMPT",
}
"""The variable that holds a parameter or a field of this name."""


def curl(method: str, path: str, operation: Json) -> str:
    """The command, with what must be sent and, of what may be, the first that a call before it returned."""
    words = [f'curl -s "$BASE{_filled(path, operation)}"']
    if operation["security"]:
        words.append('-H "authorization: Bearer $TOKEN"')
    if "requestBody" in operation:
        words.append("-H 'content-type: application/json'")
        words.append(f"\\\n  -d {_body(operation['requestBody']['content']['application/json']['example'])}")
    assert method == ("post" if "requestBody" in operation else "get"), (
        f"{method} {path} needs a word of its own"
    )
    return " ".join(words)


def _filled(path: str, operation: Json) -> str:
    parameters = operation.get("parameters", [])
    for each in parameters:
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", f"${VARIABLES[each['name']]}")
    asked = [each["name"] for each in parameters if each["in"] == "query" and each["name"] in VARIABLES]
    return f"{path}?{quote(asked[0])}=${VARIABLES[asked[0]]}" if asked else path


def _body(example: Json) -> str:
    """The body between quotes, which open where a variable stands."""
    text = json.dumps(example)
    for name, variable in VARIABLES.items():
        if name in example:
            text = text.replace(example[name], f"'${variable}'")
    return f"'{text}'"
