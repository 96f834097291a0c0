"""Every reply of a door: the envelope around its data, and its refusals from the one table of statuses."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from app import commands, envelope, http_errors
from app.openapi import doors
from app.openapi.door import Door, Leaf, Link
from app.openapi.schemas import Schema, closed, referred

JSON: Final = "application/json"
_STREAM: Final = (
    "Server-sent events named `status`: `data` is the envelope as JSON, `id` the entity tag. The stream ends"
    " after the last change, or after five minutes: come back with Last-Event-ID."
)

_EXIT: Final = envelope.EXIT_CODE_HEADER
# A reply may hold each of these; what is required stands in every reply that names it.
HEADERS: Final[Mapping[str, Schema]] = {
    _EXIT: {
        "description": "How a command-line client should exit: 0 done, 1 failed, 2 wrong arguments,"
        " 3 no valid token, 4 not allowed, 5 out of credits or asked too often, 7 a failure on our side"
        " or the processor's.",
        "required": True,
        "schema": {
            "type": "integer",
            "enum": sorted({0, *(row.exit_code for row in http_errors.STATUS.values())}),
        },
    },
    "Retry-After": {
        "description": "Ask again after this many seconds.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {
        "description": "Names this state; send it in If-None-Match to hear only of changes.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "How to show a token.",
        "required": True,
        "schema": {"type": "string", "const": http_errors.CHALLENGE},
    },
    "Idempotent-Replayed": {
        "description": "The same key was used before, and this is what came of it.",
        "schema": {"type": "string", "const": "true"},
    },
    "RateLimit-Policy": {
        "description": "The limit that was reached: its name, how many in how many seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of the limit, and in how many seconds there is more.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "Where the descriptions of this service are (RFC 8288).",
        "required": True,
        "schema": {"type": "string"},
    },
}


def codes(door: Door | Leaf) -> tuple[str, ...]:
    """Every code that a door can answer."""
    guarded = doors.OF_THE_GUARD if door.guarded else ()
    of_a_token = doors.OF_A_TOKEN if isinstance(door, Door) and door.asks_for_token else ()
    of_a_limit = doors.OF_A_LIMIT if door.limited else ()
    return (*guarded, *of_a_token, *of_a_limit, *door.refuses, *doors.OF_EVERY_DOOR)


def replies(door: Door, shapes: Mapping[Any, Schema], client: str) -> dict[str, Schema]:
    """The replies of a door by HTTP status."""
    content: dict[str, Schema] = {JSON: {"schema": _success(door, shapes, client)}}
    if door.streams:
        content["text/event-stream"] = {"schema": {"type": "string", "description": _STREAM}}
    done: Schema = {"description": "Done.", "headers": _headers(*door.headers), "content": content}
    if door.links:
        done["links"] = {link.name: _link(link) for link in door.links}
    empty = {str(status): _empty(text, door) for status, text in door.empty.items()}
    return {"200": done, **empty, **_referred(door)}


def leaf_replies(leaf: Leaf) -> dict[str, Schema]:
    """The replies of a document without an envelope."""
    done = {
        "description": leaf.summary,
        "headers": _headers(*leaf.headers),
        "content": {leaf.media_type: {"schema": dict(leaf.schema)}},
    }
    return {"200": done, **_referred(leaf)}


def refusals(described: Iterable[Door | Leaf]) -> dict[str, Schema]:
    """Every refusal of these doors, by its name: one for each status and list of codes."""
    groups = {_name(group): group for door in described for group in _by_status(door).values()}
    return {name: _refused(group) for name, group in sorted(groups.items())}


def refusal(described: Iterable[Door | Leaf]) -> Schema:
    """The envelope of every refusal. Paths that nobody serves answer it too."""
    known = {code for door in described for code in codes(door)} | {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
    error = closed(
        {
            "code": {"type": "string", "enum": sorted(known)},
            "message": {"type": "string", "description": "for people; it never repeats what was sent"},
            "retryable": {"type": "boolean", "description": "whether the same call may work later"},
            "recovery": referred("Recovery"),
        },
        description="What went wrong and what to do about it.",
    )
    none: Schema = {"type": "null"}
    parts = _envelope(ok=False, command={"type": "string"}, data=none, error=error)
    return closed(parts | {"actor": none}, description="The envelope of a refusal.")


def _success(door: Door, shapes: Mapping[Any, Schema], client: str) -> Schema:
    parts = door.shape if isinstance(door.shape, tuple) else (door.shape,)
    several = [shapes[part] for part in parts]
    data = several[0] if len(several) == 1 else {"anyOf": several}
    actor = referred("Actor") if door.asks_for_token else {"type": "null"}
    command: Schema = {"type": "string", "const": _command(door.path, client)}
    envelope_of = _envelope(ok=True, command=command, data=data, error={"type": "null"})
    return closed(envelope_of | {"actor": actor}, description="The envelope of every reply.")


def _envelope(*, ok: bool, command: Schema, data: Schema, error: Schema) -> dict[str, Schema]:
    return {
        "ok": {"type": "boolean", "const": ok},
        "command": {**command, "description": "the client's command that makes this call"},
        "trace_id": {
            "type": "string",
            "pattern": "^trace_[0-9a-f]{16}$",
            "description": "names this one call in our logs",
        },
        "actor": {},
        "data": data,
        "warnings": {"type": "array", "items": {"type": "string"}},
        "error": error,
    }


def _empty(text: str, door: Door) -> Schema:
    return {"description": text, "headers": _headers(*door.headers)}


def _by_status(door: Door | Leaf) -> dict[int, tuple[str, ...]]:
    def http(code: str) -> int:
        return http_errors.STATUS[code].http

    told = sorted(dict.fromkeys(codes(door)), key=http)
    return {status: tuple(group) for status, group in groupby(told, key=http)}


def _referred(door: Door | Leaf) -> dict[str, Schema]:
    return {
        str(status): {"$ref": f"#/components/responses/{_name(group)}"}
        for status, group in _by_status(door).items()
    }


def _name(group: tuple[str, ...]) -> str:
    return ".".join(group)


def _refused(told: tuple[str, ...]) -> Schema:
    rows = [http_errors.STATUS[code] for code in told]
    narrowed = {"properties": {"error": {"properties": {"code": {"enum": list(told)}}}}}
    names = ["Retry-After"] if any(row.retryable for row in rows) else []
    names += ["RateLimit-Policy", "RateLimit"] if "RATE_LIMITED" in told else []
    names += ["Idempotent-Replayed"] if "PAYMENT_PROVIDER_FAILURE" in told else []
    names += ["WWW-Authenticate"] if rows[0].http == HTTPStatus.UNAUTHORIZED else []
    return {
        "description": " ".join(
            f"`{code}` (exit {row.exit_code}): {row.message}." for code, row in zip(told, rows, strict=True)
        ),
        "headers": _headers(*names),
        "content": {JSON: {"schema": {"allOf": [referred("Refusal"), narrowed]}}},
    }


def _headers(*names: str) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (_EXIT, *names)}


def _link(link: Link) -> Schema:
    arguments = {
        **{f"query.{name}": value for name, value in link.query.items()},
        **{f"path.{name}": value for name, value in link.path.items()},
    }
    told: Schema = {"operationId": link.to}
    if arguments:
        told["parameters"] = arguments
    if link.body:
        told["requestBody"] = dict(link.body)
    return told


def _command(path: str, client: str) -> str:
    return f"{client} {commands.label(path)}"
