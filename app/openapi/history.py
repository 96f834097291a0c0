"""An agent's own history, as replies promise it."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from app.openapi.kinds import AttemptId, CreditEventId, EventId, Instant, QuoteId, ReceiptId, SessionId, says
from rails.activity import EventType

Source = Literal["hosted_activity_ledger"]


class Subject(TypedDict):
    """What an event is about."""

    type: Literal["payment", "credit", "usage"]
    id: str


class Links(TypedDict):
    """What an event belongs to. Each of these ids finds the event again."""

    job_id: str | None
    asset_ids: list[str]
    feedback_id: str | None
    usage_event_id: str | None
    quote_id: NotRequired[QuoteId]
    payment_attempt_id: NotRequired[AttemptId]
    checkout_session_id: NotRequired[SessionId]
    receipt_id: NotRequired[ReceiptId]
    credit_event_id: NotRequired[CreditEventId]
    payment_reversal_id: NotRequired[str]


class Cost(TypedDict):
    """What a use of credits took."""

    credits: int


class Event(TypedDict):
    """One thing that happened."""

    event_id: EventId
    type: Annotated[EventType, says("refunds and disputes are told when their money has left")]
    occurred_at: Instant
    summary: str
    operation: Literal["usage", "payment", "credits"]
    subject: Subject
    links: Links
    status: str
    cost: Cost | None


class Events(TypedDict):
    """The newest events, the newest first."""

    events: list[Event]
    limit: int
    source: Source


class EventsOfReference(TypedDict):
    """The events that one id belongs to."""

    reference: str
    event: Event
    events: list[Event]
    source: Source
