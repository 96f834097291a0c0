"""The kinds of values that replies are made of."""

from typing import Annotated, Any, Literal

from pydantic import Field


def says(text: str, *examples: object, pattern: str | None = None) -> Any:
    """The description of a field, with examples and the pattern that its text has."""
    return Field(description=text, examples=list(examples) or None, pattern=pattern)


Instant = Annotated[
    str,
    says(
        "a moment in UTC, with milliseconds",
        "2026-05-08T12:00:00.000Z",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
]
Cents = Annotated[int, says("US cents; one credit costs exactly one", 500)]
Credits = Annotated[int, says("credits; each is worth one US cent", 500)]
Url = Annotated[str, says("an absolute address", pattern="^https?://")]
Command = Annotated[str, says("a command of the client, as it is typed")]
MethodId = Annotated[str, says("a payment method", "stripe_x402.exact.usdc")]
Usd = Literal["USD"]

AgentId = Annotated[str, says("an agent", pattern="^agt_")]
OrganizationId = Annotated[str, says("the organization of an agent", pattern="^org_")]
QuoteId = Annotated[str, says("a quote", pattern="^quote_")]
AttemptId = Annotated[str, says("the payment of a quote", pattern="^payatt_")]
SessionId = Annotated[str, says("a Stripe Checkout session", pattern="^cs_")]
ReceiptId = Annotated[str, says("a receipt", pattern="^receipt_")]
CreditEventId = Annotated[str, says("an entry of the credits ledger", pattern="^credit_event_")]
EventId = Annotated[str, says("an event of one's own history", pattern="^evt_")]

ClaimState = Literal["unclaimed", "payment_backed_unclaimed", "claimed", "revoked"]
ClaimRequestState = Literal["none", "requested"]
