"""The API reference as Markdown: every door with what it takes, what it answers, and a call of it."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from app import http_errors
from app.openapi import asking, doors
from tests.reference.curl import curl
from tests.reference.kinds import example, head, kind, meaning, row, shape_of

Json = dict[str, Any]

HEADER: Final = "<!-- Written by: make schema -->\n"
_JSON: Final = "application/json"
_COMMON: Final = {
    "every door that reads a body or headers": doors.OF_THE_GUARD,
    "every door that needs a token": doors.OF_A_TOKEN,
    "every door that may be asked only so often": doors.OF_A_LIMIT,
    "every door": doors.OF_EVERY_DOOR,
    "every other path, and every other method": ("NOT_FOUND", "METHOD_NOT_ALLOWED"),
}
"""Codes that doors share, told once."""
_ENVELOPE: Final = {
    "ok": "whether it was done",
    "command": "the client's command that makes this call",
    "trace_id": "names this one call in our logs",
    "actor": "the agent behind the token; null where no token is needed, and on a refusal",
    "data": "the reply of the door, which its part below describes; null on a refusal",
    "warnings": "sentences to show to whoever decides",
    "error": "null, or what went wrong and what to do about it",
}
_FOUND: Final = {
    "TOKEN": ("isk_r_...", "data.token of a signup"),
    "QUOTE": ("quote_...", "data.quote_id of a quote"),
    "ATTEMPT": ("payatt_...", "data.payment_attempt_id of a purchase"),
    "RECEIPT": ("receipt_...", "data.receipt.receipt_id of its status"),
}
"""What a call before has answered, for the examples."""


def page(document: Json) -> str:
    """The whole page."""
    return (
        HEADER
        + "\n".join(
            [
                *_beginning(document),
                *_every_reply(document),
                *_doors(document),
                *_refusals(),
                *_shapes(document),
            ]
        )
        + "\n"
    )


def _beginning(document: Json) -> Iterator[str]:
    yield from ("# The agents' API", "", document["info"]["description"].strip(), "")
    yield "A service describes itself at `/openapi.json`: this page is what it says there under `make dev`."
    yield "[Agents](agents.md) has the way from nothing to credits; the server that runs jobs has"
    yield "[a door of its own](internal-api.md)."
    yield from ("", *head("door", "for"))
    for tag, found in _by_tag(document):
        yield row(f"**[{tag['name']}](#{tag['name']})**", tag["description"])
        for method, path, operation in found:
            yield row(f"[`{method.upper()} {path}`](#{operation['operationId']})", operation["summary"])
    yield row("**[refusals](#refusals)**", "Every code that doors share, and whether to try again.")
    yield row("**[shapes](#shapes)**", "What replies are made of.")
    yield ""


def _every_reply(document: Json) -> Iterator[str]:
    refusal = document["components"]["schemas"]["Refusal"]["properties"]
    yield from ("## Every reply", "", "Documents aside, each is one envelope:", "")
    yield from head("field", "meaning")
    yield from (row(f"`{name}`", _ENVELOPE[name]) for name in refusal)
    yield from (
        "",
        "Its `error`, on a refusal:",
        "",
        *_fields(_without_codes(refusal["error"]), document),
        "",
    )
    yield from ("Headers that a reply may have:", "", *head("header", "meaning"))
    for name, told in document["components"]["headers"].items():
        yield row(f"`{name}`", told["description"])
    (scheme,) = document["components"]["securitySchemes"].values()
    yield from (
        "",
        "Doors that need a token take it as `authorization: Bearer TOKEN`. " + scheme["description"],
    )
    yield from ("", "In the examples:", "", "```sh", f"BASE={document['servers'][0]['url']}")
    yield from (
        f"{variable}={sample:{24 - len(variable)}} # {whose}" for variable, (sample, whose) in _FOUND.items()
    )
    yield from ("```", "")


def _without_codes(error: Json) -> Json:
    """The shape of an error whose codes are told elsewhere: with their doors, and with what doors share."""
    code = {"type": "string", "description": "which refusal: doors name their own, the rest is below"}
    return {**error, "properties": {**error["properties"], "code": code}}


def _doors(document: Json) -> Iterator[str]:
    for tag, found in _by_tag(document):
        yield from (f"## {tag['name'].capitalize()}", "", tag["description"], "")
        for method, path, operation in found:
            yield from _door(method, path, operation, document)


def _door(method: str, path: str, operation: Json, document: Json) -> Iterator[str]:
    yield from (f'<a id="{operation["operationId"]}"></a>', "", f"### `{method.upper()} {path}`", "")
    summary, description = operation["summary"], operation["description"].rstrip(".")
    told = [summary] if summary.startswith(description) else [summary, description]
    token = "Needs a token" if operation["security"] else "Needs no token"
    yield from (" ".join(f"{each}." for each in (*told, token)), "")
    yield from ("```bash", curl(method, path, operation), "```", "")
    yield from _taken(operation, document)
    yield from _answered(operation, document)
    yield from _refused(operation)


def _told_at(document: Json) -> dict[str, str]:
    """The door that tells the fields of a shape: the first whose reply is of it."""
    found: dict[str, str] = {}
    for _, operations in _by_tag(document):
        for _, _, operation in operations:
            for name in _data(operation):
                found.setdefault(name, operation["operationId"])
    return found


def _data(operation: Json) -> tuple[str, ...]:
    """The shapes that the data of a reply may have; none of a document."""
    schema = operation["responses"]["200"]["content"].get(_JSON, {}).get("schema", {})
    return shape_of(schema.get("properties", {}).get("data", {}))


def _taken(operation: Json, document: Json) -> Iterator[str]:
    rows = [
        (
            each["name"],
            each["in"],
            each["schema"],
            each.get("required", False),
            each["description"],
            each["example"],
        )
        for each in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        (name,) = shape_of(operation["requestBody"]["content"][_JSON]["schema"])
        form = document["components"]["schemas"][name]
        rows += [
            (
                field,
                "body",
                schema,
                field in form.get("required", ()),
                schema["description"],
                asking.WORDS[field][1],
            )
            for field, schema in form["properties"].items()
        ]
    if not rows:
        return
    yield from head("takes", "in", "type", "required", "meaning", "example")
    for name, place, schema, required, text, sample in rows:
        must = "yes" if required else "no"
        yield row(f"`{name}`", place, kind(_without_null(schema)), must, text, example(sample))
    yield ""


def _answered(operation: Json, document: Json) -> Iterator[str]:
    done, names = operation["responses"]["200"], _data(operation)
    if not names:
        (media,) = done["content"]
        yield from (f"Answers a document, `{media}`.", "")
    for begins, name in zip(("Answers, in `data`", *("Or" for _ in names)), names, strict=False):
        yield from _told(begins, name, operation, document)
    if "text/event-stream" in done["content"]:
        events = done["content"]["text/event-stream"]["schema"]["description"]
        yield from (f"Who accepts `text/event-stream` is sent: {events}", "")
    for status, told in operation["responses"].items():
        if "$ref" not in told and status != "200":
            yield from (f"{status}: {told['description']}", "")
    if "links" in done:
        on = dict.fromkeys(link["operationId"] for link in done["links"].values())
        yield from ("Leads on to " + ", ".join(f"[{name}](#{name})" for name in on) + ".", "")


def _told(begins: str, name: str, operation: Json, document: Json) -> Iterator[str]:
    shape = document["components"]["schemas"][name]
    if _told_at(document)[name] != operation["operationId"]:
        yield from (f"{begins}: [{name}](#{name.lower()}). {shape['description']}", "")
        return
    if name.lower() != operation["operationId"]:
        yield from (f'<a id="{name.lower()}"></a>', "")
    yield from (f"{begins}: **{name}**. {shape['description']}", "")
    yield from (*_fields(shape, document), "")


def _refused(operation: Json) -> Iterator[str]:
    shared = {code for codes in _COMMON.values() for code in codes}
    own = [
        code
        for told in operation["responses"].values()
        if "$ref" in told
        for code in told["$ref"].rpartition("/")[2].split(".")
        if code not in shared
    ]
    if not own:
        yield from ("Refuses nothing but [what doors share](#refusals).", "")
        return
    yield from (
        "Refuses, besides [what doors share](#refusals):",
        "",
        *head("status", "code", "retryable", "meaning"),
    )
    for code in own:
        known = http_errors.STATUS[code]
        yield row(str(known.http), f"`{code}`", "yes" if known.retryable else "no", known.message)
    yield ""


def _refusals() -> Iterator[str]:
    yield from ("## Refusals", "", "Those that doors share; the others stand with their doors.", "")
    yield from head("of", "status", "code", "retryable", "exit code", "meaning")
    for whose, codes in _COMMON.items():
        for code in codes:
            known = http_errors.STATUS[code]
            phrase = f"{known.http} {HTTPStatus(known.http).phrase}"
            again = "yes" if known.retryable else "no"
            yield row(whose, phrase, f"`{code}`", again, str(known.exit_code), known.message)
    yield ""


def _shapes(document: Json) -> Iterator[str]:
    shapes = document["components"]["schemas"]
    told = {*_told_at(document), "Refusal", *(name for name in shapes if name.endswith("Request"))}
    yield from ("## Shapes", "")
    for name in sorted(shapes):
        if name not in told:
            yield from (f"### {name}", "", shapes[name].get("description", ""), "")
            yield from (*_fields(shapes[name], document), "")


def _fields(shape: Json, document: Json) -> Iterator[str]:
    """A table of the fields of a shape. Those that are not always there are told in the type."""
    if "properties" not in shape:
        yield kind(shape)
        return
    yield from head("field", "type", "meaning")
    for name, schema in shape["properties"].items():
        sometimes = "" if name in shape.get("required", ()) else ", if it applies"
        text = meaning(schema, document["components"]["schemas"])
        yield row(f"`{name}`", kind(schema) + sometimes, text)


def _by_tag(document: Json) -> Iterator[tuple[Mapping[str, str], list[tuple[str, str, Json]]]]:
    # Whoever reads from the top wants credits; what the service says of itself comes last.
    for tag in sorted(document["tags"], key=lambda each: each["name"] == "service"):
        yield (
            tag,
            [
                (method, path, operation)
                for path, operations in document["paths"].items()
                for method, operation in operations.items()
                if tag["name"] in operation["tags"]
            ],
        )


def _without_null(schema: Json) -> Json:
    """What may be sent, without that it may be left out as null."""
    given = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return {**schema, "anyOf": given} if given else schema
