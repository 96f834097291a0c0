"""What every event says. `docs/webhooks-out.schema.json` is written from these classes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Said(BaseModel):
    """Nothing but what is named, and nothing of it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Balance(Said):
    """What the agent has right after the event. A higher `version` is newer: events may come out of order."""

    posted: int
    held: int
    available: int
    version: int


class OfAnAgent(Said):
    """What all events about credits have."""

    agent_id: str
    transaction_id: int = Field(description="of the book; each is told once")
    credits: int = Field(description="whole credits that moved")
    balance: Balance


class Purchase(Said):
    """Where bought credits came from; every id is null for credits that were given."""

    receipt_id: str | None
    payment_attempt_id: str | None
    quote_id: str | None


class Granted(OfAnAgent):
    """Credits were bought, or given."""

    cents: int = Field(description="US cents that were paid, 0 for promotional credits")
    promotional: bool
    purchase: Purchase
    effective_at: datetime = Field(description="they cannot be spent before")
    expires_at: datetime | None


class TakenBack(OfAnAgent):
    """Money went back to the payer, and credits with it. `credits` were taken at once."""

    cents: int = Field(description="US cents that went back")
    credits_wanted: int = Field(description="what is missing is taken as credits come free, or was spent")
    receivable_cents: int = Field(description="the part of the money whose credits were not there any more")
    purchase: Purchase


class Reinstated(OfAnAgent):
    """A refund failed or a dispute was won: what was taken is back."""

    cents: int
    reverses: Literal["refund", "dispute"]
    reversed_transaction_id: int
    purchase: Purchase


class HoldExpired(OfAnAgent):
    """A hold's time ran out: it was released, or charged in full if its job had been started."""

    hold_id: str
    job_id: str
    outcome: Literal["released", "charged"]
    expired_at: datetime


class DepositException(Said):
    """A payment waits for a decision, or does not any more."""

    exception_id: int
    agent_id: str | None = Field(description="null for what concerns no payment: the chain itself changed")
    payment_attempt_id: str | None
    state: Literal["opened", "closed"]
    kind: str
    asset: str = Field(description="for another token than was asked for, its contract")
    expected_units: str = Field(description="smallest units of the asset, a whole number as a string")
    received_units: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: Literal["house", "policy", "operator"] | None = Field(
        description="house: it ended by itself; policy: by the published rules; operator: a person"
    )
    resolution: str | None = Field(
        description="credit, refund or write_off; null while it is open, and where it ended by itself"
    )


class Ping(Said):
    """Sent on request, to see that an endpoint works."""

    endpoint_id: str


class CreditsGranted(Said):
    """Credits came in."""

    type: Literal["credits.granted"] = "credits.granted"
    timestamp: datetime
    data: Granted


class CreditsRefunded(Said):
    """A purchase was refunded, here or at its processor, and the money has left."""

    type: Literal["credits.refunded"] = "credits.refunded"
    timestamp: datetime
    data: TakenBack


class CreditsDisputed(Said):
    """A payer disputed a purchase, and the money was withdrawn."""

    type: Literal["credits.disputed"] = "credits.disputed"
    timestamp: datetime
    data: TakenBack


class CreditsReinstated(Said):
    """A refund or dispute was undone."""

    type: Literal["credits.reinstated"] = "credits.reinstated"
    timestamp: datetime
    data: Reinstated


class HoldExpiredEvent(Said):
    """A hold ended by the clock."""

    type: Literal["hold.expired"] = "hold.expired"
    timestamp: datetime
    data: HoldExpired


class DepositExceptionEvent(Said):
    """A payment needs, or needed, a decision."""

    type: Literal["deposit.exception"] = "deposit.exception"
    timestamp: datetime
    data: DepositException


class PingEvent(Said):
    """A test."""

    type: Literal["webhook.test"] = "webhook.test"
    timestamp: datetime
    data: Ping


Payload = Annotated[
    CreditsGranted
    | CreditsRefunded
    | CreditsDisputed
    | CreditsReinstated
    | HoldExpiredEvent
    | DepositExceptionEvent
    | PingEvent,
    Field(discriminator="type"),
]
ANY: TypeAdapter[Payload] = TypeAdapter(Payload)
TYPES = (
    "credits.granted",
    "credits.refunded",
    "credits.disputed",
    "credits.reinstated",
    "hold.expired",
    "deposit.exception",
)
"""The types that an endpoint can ask for. A test goes to whoever it is for."""


def written(payload: Payload) -> str:
    """The payload as it is signed and sent."""
    return payload.model_dump_json()
