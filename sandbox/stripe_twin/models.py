"""What the control API says and hears; the server and its client share these words."""

from typing import Literal

from pydantic import BaseModel, Field


class Switches(BaseModel):
    """How badly webhooks are delivered, and how Stripe behaves where its documentation leaves it open.

    `duplicate` is how many extra copies of every delivery are sent; `reorder` holds back that many deliveries
    and then sends them newest first; dropped deliveries never arrive and are never retried.

    `funds_pending_seconds` is how long the money of a payment is pending; `overdraft_cents` is how far
    refunds may draw the balance below zero: 0 makes the refund of a lone payment short by its fee;
    `refunds_stay_pending` leaves refunds of other methods than cards pending until they are settled;
    `won_dispute_returns_fee` gives the fee back as well; payouts arrive after `payout_takes_seconds` and can
    be itemised `payout_itemised_after_seconds` after they were made; `tax_basis_points` is what automatic tax
    adds at Checkout (825 are 8.25 %).
    """

    duplicate: int = Field(default=0, ge=0, le=100)
    delay_seconds: float = Field(default=0.0, ge=0)
    reorder: int = Field(default=0, ge=0)
    drop_next: int = Field(default=0, ge=0)
    drop_all: bool = False
    funds_pending_seconds: int = Field(default=0, ge=0)
    overdraft_cents: int = Field(default=100_000, ge=0)
    refunds_stay_pending: bool = False
    won_dispute_returns_fee: bool = False
    payout_takes_seconds: float = Field(default=0.0, ge=0)
    payout_itemised_after_seconds: float = Field(default=0.0, ge=0)
    tax_basis_points: int = Field(default=0, ge=0, le=10_000)


class Fault(BaseModel):
    """What happens to the next `times` API requests whose path begins with `path_prefix`.

    `status` answers with `status` and does nothing; `hang` waits, then does the work; `drop` cuts the
    connection and does nothing; `lost_answer` does the work, then cuts the connection.
    """

    kind: Literal["status", "hang", "drop", "lost_answer"]
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


class NewSecrets(BaseModel):
    """The secrets that sign from now on, newest first."""

    secrets: list[str] = Field(min_length=1, max_length=2)


class RegisteredEndpoint(BaseModel):
    """A webhook endpoint, without its secrets."""

    id: str
    url: str
    enabled_events: list[str]


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
    reason: str | None = None


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
