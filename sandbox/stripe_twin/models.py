"""What the control API says and hears; the server and its client share these words."""

from typing import Literal

from pydantic import BaseModel, Field

from sandbox.stripe_twin.settings import PayloadStyle

RefundFailure = Literal[
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
]
"""Why a refund failed, in Stripe's words."""


class Fault(BaseModel):
    """What happens to the next `times` API requests whose path begins with `path_prefix`.

    `status` answers with `status` and does nothing; `hang` waits, then does the work; `drop` cuts the
    connection and does nothing; `lost_answer` does the work, then cuts the connection; `broken_answer` does
    the work, then answers with `status`.
    """

    kind: Literal["status", "hang", "drop", "lost_answer", "broken_answer"]
    path_prefix: str = "/v1/"
    method: str | None = None
    times: int = Field(default=1, ge=1)
    status: int = 500
    hang_seconds: float = Field(default=1.0, ge=0)


class SeenRequest(BaseModel):
    """A request that reached the API; `status` is None until it is answered, which may be never."""

    method: str
    path: str
    idempotency_key: str | None
    stripe_version: str | None
    status: int | None = None


class NewEndpoint(BaseModel):
    """A webhook endpoint to register."""

    url: str
    secrets: list[str] = Field(min_length=1, max_length=2)
    enabled_events: list[str] = ["*"]
    payload: PayloadStyle = "snapshot"


class NewSecrets(BaseModel):
    """The secrets that sign from now on, newest first."""

    secrets: list[str] = Field(min_length=1, max_length=2)


class RegisteredEndpoint(BaseModel):
    """A webhook endpoint, without its secrets."""

    id: str
    url: str
    enabled_events: list[str]
    payload: PayloadStyle = "snapshot"


class IntentRow(BaseModel):
    """A PaymentIntent and where its money is expected."""

    id: str
    status: str
    amount: int
    currency: str
    livemode: bool
    network: str | None = None
    address: str | None = None
    transaction_hash: str | None = None


class TransferRow(BaseModel):
    """A token transfer that the twin saw on the chain, and what it made of it."""

    id: str
    payment_intent: str
    address: str
    sender: str
    token: str
    units: int
    transaction_hash: str
    block_number: int
    block_hash: str
    log_index: int
    state: Literal["seen", "matched", "unmatched", "orphaned"]
    reason: str | None = None
    seen_at: int


class AttemptRow(BaseModel):
    """One delivery attempt; `status` is None if no answer came."""

    event: str
    type: str
    endpoint: str
    attempt: int
    status: int | None
    at: float


class DeliveryRow(BaseModel):
    """How the delivery of one event to one endpoint stands."""

    event: str
    type: str
    endpoint: str
    state: Literal["waiting", "delivered", "failed", "dropped"]
    attempts: int


class Health(BaseModel):
    """Whether the twin works, and whether it sees its chain."""

    status: Literal["ok"] = "ok"
    chain: Literal["off", "starting", "reachable", "unreachable"]
    head: int | None = None


class ClockStep(BaseModel):
    """How far the twin's clock is moved forward."""

    advance_seconds: int = Field(ge=0)


class Moment(BaseModel):
    """The twin's idea of now, in seconds since 1970."""

    now: int


class Paid(BaseModel):
    """How a Checkout Session stands after a try to pay it."""

    session: str
    status: str
    payment_status: str
    payment_intent: str | None


class NewRefund(BaseModel):
    """A refund from the dashboard; None gives back what is left."""

    cents: int | None = Field(default=None, ge=1)


class SettledRefund(BaseModel):
    """What the bank answered."""

    status: Literal["succeeded", "failed", "canceled"]
    reason: RefundFailure | None = None


class NewDispute(BaseModel):
    """A dispute of a payment; None disputes all of it."""

    cents: int | None = Field(default=None, ge=1)
    warning: bool = False
    withdraw: bool = True


class SettledDispute(BaseModel):
    """How the bank decided."""

    status: Literal["won", "lost", "warning_closed"]


class NewPayout(BaseModel):
    """A payout of everything that is available."""

    automatic: bool = True
    livemode: bool = False


class NewFee(BaseModel):
    """A fee that belongs to no payment."""

    cents: int = Field(ge=1)
    description: str
    livemode: bool = False


class NewPromotionCode(BaseModel):
    """A code that people may type at Checkout; one of the two says what it takes off."""

    code: str
    percent_off: int | float | None = Field(default=None, gt=0, le=100)
    amount_off: int | None = Field(default=None, ge=1)
    max_redemptions: int | None = Field(default=None, ge=1)
    expires_at: int | None = None
    livemode: bool = False


class Payment(BaseModel):
    """How a person pays a Checkout Session."""

    method: Literal["card", "us_bank_account"] = "card"
    promotion_code: str | None = None


class BankAnswer(BaseModel):
    """What became of a payment by a slow method."""

    succeeded: bool
