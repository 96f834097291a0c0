"""The document: what FastAPI knows of the requests, and the table of doors for everything else."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.house import House
from app.openapi import asking, doors, identity, payment, refusals, replies
from app.openapi.door import TAGS, Door, Leaf
from app.openapi.schemas import Schema, components

VERSION: Final = "3.1.0"
_SCHEME: Final = "agentToken"


def describe(app: FastAPI) -> Schema:
    """The OpenAPI document of an application.

    raises: KeyError if a door is in the application and not in the table.
    """
    here = app.state.house
    assert isinstance(here, House)
    plain = get_openapi(title=app.title, version=app.version, openapi_version=VERSION, routes=app.routes)
    known: dict[tuple[str, str], Door | Leaf] = {
        **{(door.method, door.path): door for door in doors.of(here.rails)},
        **{("GET", leaf.path): leaf for leaf in doors.LEAVES},
    }
    shapes, named = components(_shapes(here))
    paths = {
        path: {
            method: _operation(here, known[method.upper(), path], operation, shapes)
            for method, operation in operations.items()
        }
        for path, operations in plain["paths"].items()
    }
    forms = {
        name: asking.narrowed(name, form, here.rails)
        for name, form in plain["components"]["schemas"].items()
        if name.endswith("Request")
    }
    return {
        **_about(here, app),
        "paths": paths,
        "components": {
            "schemas": {"Refusal": replies.refusal(known.values()), **forms, **named},
            "responses": replies.refusals(known.values()),
            "headers": replies.HEADERS,
            "securitySchemes": {_SCHEME: _token_scheme()},
        },
    }


def _operation(here: House, door: Door | Leaf, plain: Schema, shapes: Any) -> Schema:
    client = here.settings.client_command
    told: Schema = {
        "operationId": door.name,
        "tags": [door.tag if isinstance(door, Door) else "service"],
        "summary": door.summary,
        "description": plain.get("description", door.summary),
        "security": [{_SCHEME: []}] if isinstance(door, Door) and door.asks_for_token else [],
    }
    taken = [asking.parameter(each) for each in plain.get("parameters", [])]
    if isinstance(door, Door):
        taken += asking.headers(door)
    if taken:
        told["parameters"] = taken
    if isinstance(door, Leaf):
        return {**told, "responses": replies.leaf_replies(door)}
    if "requestBody" in plain:
        told["requestBody"] = _body(plain["requestBody"], door)
    if door.sold:
        told["x-payment-info"] = payment.info(
            rail for rail in here.rails.values() if door.rail_id in (None, rail.rail_id)
        )
    return {**told, "responses": replies.replies(door, shapes, client)}


def _body(plain: Schema, door: Door) -> Schema:
    schema = plain["content"][replies.JSON]["schema"]
    media = {"schema": schema} | ({"example": dict(door.example)} if door.example else {})
    return {"required": True, "content": {replies.JSON: media}}


def _shapes(here: House) -> list[Any]:
    of_doors = [
        shape
        for door in doors.of(here.rails)
        for shape in (door.shape if isinstance(door.shape, tuple) else (door.shape,))
    ]
    return [*of_doors, identity.Actor, refusals.Recovery]


def _token_scheme() -> Schema:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "The token that signing up with return_token true shows once."
        " Send it in this header only.",
    }


def _about(here: House, app: FastAPI) -> Schema:
    base = here.settings.base_url
    return {
        "openapi": VERSION,
        "info": {
            "title": app.title,
            "version": app.version,
            "summary": "Credits for AI agents: quote, pay, poll, spend.",
            "description": _WORDS,
            "contact": {"name": app.title, "url": base},
        },
        "servers": [{"url": base, "description": "this service"}],
        "externalDocs": {"url": f"{base}/llms.txt", "description": "From nothing to credits, in one page"},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "x-service-info": {
            "categories": ["developer-tools", "payments"],
            "docs": {"homepage": base, "apiReference": f"{base}/openapi.json", "llms": f"{base}/llms.txt"},
        },
    }


_WORDS: Final = """One credit costs exactly one US cent.

Sign up once and keep the token. Ask for a quote, buy it, pay what the reply tells you to pay, and read
the status until `next` says that nothing is left to do. Every POST of a purchase takes an
`idempotency_key`: after a lost answer repeat the call with the same key, it never pays twice.

Every reply is the same envelope. On a refusal read `error.code` and `error.recovery`; the words are for
people. Paths that nobody serves answer `NOT_FOUND`, other methods `METHOD_NOT_ALLOWED` and `Allow`.

Where a person decides about a payment, no time is promised. The history tells of a refund or a dispute when
its money has left the house, and again when it came back.
"""
