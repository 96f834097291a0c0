"""Every door that the document describes. A door that is missing here fails a test."""

from typing import Final

from app.openapi import history, identity, offers, purchases
from app.openapi.door import Door, Leaf, Link
from app.openapi.service import Entry, Health
from rails.catalog import DEFAULT_PACK_ID
from rails.rail import Rail, Rails

# Whatever is asked: the database may be away, and what nobody expected is told with a trace id.
OF_EVERY_DOOR: Final = ("SERVICE_UNAVAILABLE", "INTERNAL_ERROR")
# A body is read and looked through before any door sees the request, even where none is needed.
OF_THE_GUARD: Final = ("INVALID_ARGUMENTS", "PAYMENT_CREDENTIAL_REJECTED", "REQUEST_TOO_LARGE")
OF_A_TOKEN: Final = ("AUTH_REQUIRED",)
# Agents are counted by their id, everybody else by the address.
OF_A_LIMIT: Final = ("RATE_LIMITED",)

_STATUS_OF_QUOTE: Final = Link(
    "status", "purchase_status", query={"quote_id": "$response.body#/data/quote_id"}
)
_STATUS_OF_ATTEMPT: Final = Link(
    "status", "purchase_status", query={"payment_attempt_id": "$response.body#/data/payment_attempt_id"}
)
_HISTORY_OF_ATTEMPT: Final = Link(
    "history", "activity_show", path={"reference": "$response.body#/data/payment_attempt_id"}
)

_TEXT: Final = {"type": "string"}

FIXED: Final = (
    Door(
        "GET",
        "/",
        "entry",
        "service",
        "Where everything is; a page for who asks for text/html",
        Entry,
        asks_for_token=False,
        headers=("Link",),
        guarded=False,
    ),
    Door(
        "GET",
        "/healthz",
        "health",
        "service",
        "Whether this service can work now",
        Health,
        asks_for_token=False,
        headers=("Link",),
        limited=False,
    ),
    Door(
        "POST",
        "/v1/agent-signups",
        "sign_up",
        "identity",
        "Become an agent, or come back as the same one with a fresh token",
        identity.SignedUp,
        asks_for_token=False,
        example={
            "agent_contact": "painter@example.com",
            "agent_name": "painter",
            "runtime": "my-runtime",
            "return_token": True,
        },
    ),
    Door(
        "POST",
        "/v1/agent-claims",
        "claim",
        "identity",
        "Name the inbox of whoever may claim the agent",
        identity.Claimed,
        example={"contact": "person@example.com"},
    ),
    Door("GET", "/v1/whoami", "whoami", "identity", "Who the token belongs to", identity.Whoami),
    Door("GET", "/v1/quota", "usage_quota", "identity", "The balance, and how to raise it", identity.Quota),
    Door(
        "GET",
        "/v1/payment-methods",
        "payment_methods",
        "catalog",
        "How credits may be paid",
        offers.PaymentMethods,
        asks_for_token=False,
    ),
    Door(
        "GET",
        "/v1/models",
        "models",
        "catalog",
        "What jobs can be run on and what they cost",
        offers.Models,
        asks_for_token=False,
    ),
    Door(
        "GET",
        "/v1/credit-packs",
        "credit_packs",
        "catalog",
        "What is sold",
        offers.CreditPacks,
        asks_for_token=False,
    ),
    Door(
        "GET",
        "/v1/credit-purchases/status",
        "purchase_status",
        "buying",
        "Where a purchase stands and who has to do what next; the balance without a reference",
        (purchases.PurchaseStatus, identity.Quota),
        refuses=("CREDIT_QUOTE_NOT_FOUND", "CREDIT_PURCHASE_NOT_FOUND"),
        headers=("Retry-After", "ETag"),
        request_headers=("If-None-Match", "Last-Event-ID"),
        empty={
            204: "The stream has nothing left to tell: the last event was seen.",
            304: "Nothing has changed since the entity tag in If-None-Match.",
        },
        streams=True,
    ),
    Door("GET", "/v1/activity", "activity_list", "history", "One's own history", history.Events),
    Door(
        "GET",
        "/v1/activity/{reference}",
        "activity_show",
        "history",
        "The events that one id belongs to",
        history.EventsOfReference,
        refuses=("ACTIVITY_NOT_FOUND",),
    ),
    Door(
        "GET",
        "/v1/receipts/{receipt_id}",
        "receipt_show",
        "history",
        "A receipt, signed",
        purchases.SignedReceipt,
        refuses=("RECEIPT_NOT_FOUND", "RECEIPT_NOT_SEALED_YET", "RECEIPTS_UNAVAILABLE"),
    ),
)

LEAVES: Final = (
    Leaf("/openapi.json", "openapi", "This document", "application/json", {"type": "object"}),
    Leaf(
        "/llms.txt", "llms", "From nothing to credits, in one page for language models", "text/plain", _TEXT
    ),
    Leaf("/skill.md", "skill", "From nothing to credits, as a skill", "text/markdown", _TEXT),
    Leaf("/robots.txt", "robots", "What crawlers may read", "text/plain", _TEXT),
    Leaf(
        "/.well-known/api-catalog",
        "api_catalog",
        "The APIs of this address",
        "application/linkset+json",
        {"type": "object", "required": ["linkset"], "properties": {"linkset": {"type": "array"}}},
        headers=("Link",),
    ),
    Leaf(
        "/.well-known/security.txt",
        "security_txt",
        "Whom to tell of a weakness",
        "text/plain",
        _TEXT,
        refuses=("NOT_FOUND",),
    ),
    Leaf(
        "/.well-known/pennyrail-receipt-keys.json",
        "receipt_keys",
        "The public keys that receipts are signed with, as a set of JWKs",
        "application/json",
        {
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
        },
        guarded=True,
        limited=False,
    ),
)


def of(rails: Rails) -> tuple[Door, ...]:
    """The doors of a house with these rails."""
    return (*FIXED, _quote(rails), *(_buy(rail) for rail in rails.values()))


def buy_name(rail: Rail) -> str:
    """The name of the door that opens purchases on a rail: `buy_stripe_checkout`."""
    return "buy_" + "".join(each if each.isalnum() else "_" for each in rail.rail_id)


def _quote(rails: Rails) -> Door:
    buying = (
        Link(
            buy_name(rail),
            buy_name(rail),
            body={
                "quote_id": "$response.body#/data/quote_id",
                "idempotency_key": "purchase:{$response.body#/data/quote_id}",
            },
        )
        for rail in rails.values()
    )
    return Door(
        "POST",
        "/v1/credit-quotes",
        "credit_quote",
        "buying",
        "Fix a price; nothing is charged",
        purchases.NewQuote,
        refuses=(
            "CREDIT_PACK_NOT_FOUND",
            "PAYMENT_METHOD_UNAVAILABLE",
            "CREDIT_QUOTE_CONFLICT",
            "IDEMPOTENCY_CONFLICT",
        ),
        example={
            "pack_id": DEFAULT_PACK_ID,
            "payment_method": next(iter(rails), ""),
            "idempotency_key": "quote-run-001",
        },
        links=(*buying, _STATUS_OF_QUOTE),
        headers=("Idempotent-Replayed",),
        sold=True,
    )


def _buy(rail: Rail) -> Door:
    return Door(
        "POST",
        f"/v1/credit-purchases/{rail.listing.purchase_path}",
        buy_name(rail),
        "buying",
        f"Open the payment of a quote on {rail.rail_id}, or return it",
        purchases.Opened,
        refuses=(
            "PAYMENT_METHOD_UNAVAILABLE",
            "PAYMENT_AMOUNT_NOT_TAKEN",
            "CREDIT_QUOTE_NOT_FOUND",
            "CREDIT_QUOTE_EXPIRED",
            "PAYMENT_METHOD_MISMATCH",
            "CREDIT_PURCHASE_CONFLICT",
            "IDEMPOTENCY_CONFLICT",
            "IDEMPOTENCY_IN_FLIGHT",
            "PURCHASE_LIMIT_EXCEEDED",
            "PAYMENT_PROVIDER_FAILURE",
        ),
        example={
            "quote_id": "quote_0123456789abcdef01234567",
            "idempotency_key": "purchase:quote_0123456789abcdef01234567",
        },
        links=(_STATUS_OF_ATTEMPT, _HISTORY_OF_ATTEMPT),
        headers=("Idempotent-Replayed",),
        sold=True,
        rail_id=rail.rail_id,
    )
