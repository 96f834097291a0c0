"""docs/webhooks-out.schema.json; `python -m tests.outbound.schema` writes it anew."""

import json
from pathlib import Path
from typing import Any, Final

from outbound import payloads

PAGE: Final = Path(__file__).parents[2] / "docs" / "webhooks-out.schema.json"


def written() -> str:
    """The JSON schema of every payload, open to fields that a later version adds."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **payloads.ANY.json_schema()}
    return json.dumps(_opened(schema), indent=1, sort_keys=True) + "\n"


def _opened(schema: Any) -> Any:
    match schema:
        case dict():
            return {name: _opened(part) for name, part in schema.items() if name != "additionalProperties"}
        case list():
            return [_opened(part) for part in schema]
        case _:
            return schema


if __name__ == "__main__":
    PAGE.write_text(written())
