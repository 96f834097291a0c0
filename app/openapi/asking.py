"""What may be sent: each name explained once, and the rules that the house keeps behind its forms."""

from collections.abc import Mapping
from typing import Any, Final

from app.openapi.door import Door
from app.openapi.schemas import Schema
from rails import catalog
from rails.rail import Rails

# What each name means, and what it may look like. Every parameter and field has an entry: a test looks.
WORDS: Final[Mapping[str, tuple[str, Any]]] = {
    "agent_contact": (
        "A durable inbox to reach the agent at, better left out. With it, a later signup under the same name"
        " comes back as the same agent: whoever signs up with this contact and name gets this agent's token,"
        " and the old token is refused. Keep both unknown.",
        "painter@example.com",
    ),
    "human_email": ("The older name of agent_contact.", "painter@example.com"),
    "contact": ("The inbox of whoever may claim the agent.", "person@example.com"),
    "agent_name": ("What the agent calls itself.", "painter"),
    "runtime": ("Where the agent runs.", "my-runtime"),
    "return_token": ("Whether to show the token in the reply. It is shown once.", True),
    "discovery_source": ("How the agent came to know this service. The first word stays.", "llms.txt"),
    "credits": ("An exact number of credits. Give either this or pack_id.", 10),
    "pack_id": ("A pack. Give either this or credits.", catalog.DEFAULT_PACK_ID),
    "payment_method": ("How the quote will be paid.", "stripe_x402.exact.usdc"),
    "idempotency_key": (
        "A name for this request that you choose. The same key with the same content returns the same result;"
        " with other content it is refused. After a lost answer repeat the call with the same key.",
        "purchase:quote_0123456789abcdef01234567",
    ),
    "idempotency-key": (
        "The same as the field idempotency_key. Give either; if both are given they must be equal.",
        "purchase:quote_0123456789abcdef01234567",
    ),
    "quote_id": ("A quote of yours.", "quote_0123456789abcdef01234567"),
    "payment_attempt_id": ("A payment of yours.", "payatt_0123456789abcdef01234567"),
    "checkout_session_id": ("A Stripe Checkout session of yours.", "cs_test_a1b2c3"),
    "receipt_id": ("A receipt of yours.", "receipt_0123456789abcdef01234567"),
    "wait": ("Hold the reply back for a change, at most so many seconds.", 10),
    "If-None-Match": ("The ETag of the state that is known already.", '"0a1b2c3d"'),
    "Last-Event-ID": ("The id of the last event of a stream that was cut.", '"0a1b2c3d"'),
    "limit": ("At most this many events.", 20),
    "subject": ("Only events of this kind: payment, credit or usage.", "payment"),
    "reference": (
        "The id of an event, or any id that an event links to: a quote, a payment, a Checkout session,"
        " a receipt, a credit event.",
        "payatt_0123456789abcdef01234567",
    ),
}


# The forms themselves turn capitals into small letters before they look.
_INBOX: Final = {
    "type": "string",
    "pattern": r"^[!-?A-~]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    "maxLength": 254,
}


def narrowed(name: str, form: Schema, rails: Rails) -> Schema:
    """The form of a request with the rules that its type alone does not tell."""
    plain = _told(form)
    match name:
        case "QuoteRequest":
            return _quote(plain, rails)
        case "SignupRequest":
            return _signup(plain)
        case "ClaimRequest":
            contact = {**plain["properties"]["contact"], **_INBOX}
            return {**plain, "properties": {"contact": contact}}
        case _:
            return plain


# Plain ASCII, bare or between quotes, and not two quotes around nothing.
_KEY: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": r'^(?!""$)[!-~]([ -~]*[!-~])?$',
}


def parameter(described: Schema) -> Schema:
    """A parameter with its meaning and an example, and without null: a query holds text or nothing."""
    schema = _KEY if described["name"] == "idempotency-key" else _without_null(described["schema"])
    text, example = WORDS.get(described["name"], ("", None))
    return {**described, "description": text, "example": example, "schema": schema}


def headers(door: Door) -> list[Schema]:
    """The headers that a door reads, as parameters."""
    text = {"type": "string", "pattern": "^[ -~]*$"}
    return [
        parameter({"name": name, "in": "header", "required": False, "schema": text})
        for name in door.request_headers
    ]


def _told(form: Schema) -> Schema:
    fields = {
        name: {**_untitled(schema), "description": WORDS.get(name, ("",))[0]}
        for name, schema in form["properties"].items()
    }
    return {**_untitled(form), "properties": fields}


def _quote(form: Schema, rails: Rails) -> Schema:
    fields = dict(form["properties"])
    open_now = [rail.rail_id for rail in rails.values() if rail.unavailable_reason is None]
    narrower: Mapping[str, Schema] = {
        "credits": {"type": "integer", "minimum": catalog.MIN_CREDITS, "maximum": catalog.MAX_CREDITS},
        "pack_id": {"type": "string", "enum": list(catalog.PACKS)},
        "payment_method": {"type": "string", "enum": open_now},
    }
    for name, rule in narrower.items():
        fields[name] = {"anyOf": [rule, {"type": "null"}], "description": fields[name]["description"]}
    given = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}, other: {"type": "null"}}}
        for name, other in (("credits", "pack_id"), ("pack_id", "credits"))
    ]
    return {**form, "properties": fields, "oneOf": given}


def _signup(form: Schema) -> Schema:
    fields = dict(form["properties"])
    for name in ("agent_contact", "human_email"):
        fields[name] = {"anyOf": [_INBOX, {"type": "null"}], "description": fields[name]["description"]}
    return {**form, "properties": fields}


def _untitled(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "title"}


def _without_null(schema: Schema) -> Schema:
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else _untitled(schema)
