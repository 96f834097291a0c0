"""The rows of buying, as Python reads them. What they promise is kept by the migration's constraints."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


def _time(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


class Quote(SQLModel, table=True):
    """These credits, this price, this rail, until then. Never updated."""

    quote_id: str = Field(sa_column=Column(Text, primary_key=True))
    agent_id: str = Field(sa_type=Text)
    idempotency_key: str = Field(sa_type=Text)
    credits: int = Field(sa_type=BigInteger)
    pack_id: str | None = Field(default=None, sa_type=Text)
    rail_id: str = Field(sa_type=Text)
    price_cents: int = Field(sa_type=BigInteger)
    live_money: bool
    created_at: datetime = _time()
    expires_at: datetime = _time()


class PaymentAttempt(SQLModel, table=True):
    """One try to pay a quote. `look_at` is the schedule: when somebody has to ask again."""

    __tablename__ = "payment_attempt"
    payment_attempt_id: str = Field(sa_column=Column(Text, primary_key=True))
    quote_id: str = Field(sa_type=Text, foreign_key="quote.quote_id", unique=True)
    agent_id: str = Field(sa_type=Text)
    rail_id: str = Field(sa_type=Text)
    reference: str | None = Field(default=None, sa_type=Text, unique=True)
    state: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    instructions: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    deposit_address: str | None = Field(default=None, sa_type=Text, index=True)
    address_owner: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()
    expires_at: datetime = _time()
    look_at: datetime | None = _time(nullable=True)
    looked_at: datetime | None = _time(nullable=True)
    looks: int = Field(default=0)
    opening_until: datetime | None = _time(nullable=True)
    trace_id: str | None = Field(default=None, sa_type=Text)
    policy: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))


class OwnedAddress(SQLModel, table=True):
    """Who is paid at an address: one attempt alone, or one agent with all its attempts. Never updated."""

    __tablename__ = "owned_address"
    address: str = Field(sa_column=Column(Text, primary_key=True))
    owner: str = Field(sa_type=Text)


class RailSwitch(SQLModel, table=True):
    """One turn of a rail's switch: the odd ones are off. Never updated."""

    __tablename__ = "rail_switch"
    rail_id: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(primary_key=True)
    is_on: bool
    reason: str = Field(sa_type=Text)
    turned_by: str = Field(sa_type=Text)
    turned_at: datetime = _time()


class BuyKey(SQLModel, table=True):
    """A buy key of an agent, and the quote it was used for."""

    __tablename__ = "buy_key"
    agent_id: str = Field(sa_column=Column(Text, primary_key=True))
    idempotency_key: str = Field(sa_column=Column(Text, primary_key=True))
    quote_id: str = Field(sa_type=Text, foreign_key="quote.quote_id")
    created_at: datetime = _time()


class EvidenceRow(SQLModel, table=True):
    """The latest word of one witness on one payment."""

    __tablename__ = "evidence"
    payment_attempt_id: str = Field(
        sa_type=Text, primary_key=True, foreign_key="payment_attempt.payment_attempt_id"
    )
    source: str = Field(sa_column=Column(Text, primary_key=True))
    external_id: str = Field(sa_column=Column(Text, primary_key=True))
    state: str = Field(sa_type=Text)
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    first_seen_at: datetime = _time()
    last_seen_at: datetime = _time()


class Receipt(SQLModel, table=True):
    """Credits granted for a payment, once."""

    receipt_id: str = Field(sa_column=Column(Text, primary_key=True))
    payment_attempt_id: str = Field(
        sa_type=Text, foreign_key="payment_attempt.payment_attempt_id", unique=True
    )
    quote_id: str = Field(sa_type=Text, foreign_key="quote.quote_id", unique=True)
    agent_id: str = Field(sa_type=Text)
    credit_event_id: str = Field(sa_type=Text, unique=True)
    ledger_transaction_id: int = Field(sa_type=BigInteger, unique=True)
    credits: int = Field(sa_type=BigInteger)
    received_cents: int = Field(sa_type=BigInteger)
    balance_after: int = Field(sa_type=BigInteger)
    created_at: datetime = _time()


class PaymentException(SQLModel, table=True):
    """Money that waits for a decision. `asset` is the token's contract where another token came.

    `final_units` is how much of it no reorganisation takes back, None where nobody can say. `agent_id` is
    the attempt's, and written by the database.
    """

    __tablename__ = "payment_exception"
    exception_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    payment_attempt_id: str | None = Field(
        default=None, sa_type=Text, foreign_key="payment_attempt.payment_attempt_id"
    )
    agent_id: str | None = Field(default=None, sa_type=Text)
    subject: str | None = Field(default=None, sa_type=Text)
    detail: str | None = Field(default=None, sa_type=Text)
    kind: str = Field(sa_type=Text)
    asset: str = Field(sa_type=Text)
    expected_units: Decimal = Field(sa_type=Numeric(78))
    received_units: Decimal = Field(sa_type=Numeric(78))
    final_units: Decimal | None = Field(default=None, sa_type=Numeric(78))
    late: bool = Field(default=False)
    opened_at: datetime = _time()
    closed_at: datetime | None = _time(nullable=True)
    closed_by: str | None = Field(default=None, sa_type=Text)
    resolution: str | None = Field(default=None, sa_type=Text)
    wait_until: datetime | None = _time(nullable=True)


class ExceptionAction(SQLModel, table=True):
    """What somebody did about an exception, and why. Never changes."""

    __tablename__ = "exception_action"
    action_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    exception_id: int = Field(sa_type=BigInteger, foreign_key="payment_exception.exception_id")
    action: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    units: Decimal = Field(sa_type=Numeric(78))
    cents: int = Field(sa_type=BigInteger)
    ledger_transaction_id: int | None = Field(default=None, sa_type=BigInteger, unique=True)
    wait_until: datetime | None = _time(nullable=True)
    created_at: datetime = _time()


class Activity(SQLModel, table=True):
    """One line of an agent's own history."""

    event_id: str = Field(sa_column=Column(Text, primary_key=True))
    agent_id: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    subject_type: str = Field(sa_type=Text)
    subject_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    links: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    occurred_at: datetime = _time()


class Notice(SQLModel, table=True):
    """A webhook, kept once, raw."""

    notice_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    source: str = Field(sa_type=Text)
    external_id: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    refs: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    body: bytes = Field(sa_type=LargeBinary)
    state: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    received_at: datetime = _time()
    deliveries: int = Field(default=1)
    attempts: int = Field(default=0)
    try_at: datetime | None = _time(nullable=True)
    handled_at: datetime | None = _time(nullable=True)
    leased_until: datetime | None = _time(nullable=True)
    error: str | None = Field(default=None, sa_type=Text)


class NoticeAction(SQLModel, table=True):
    """What somebody made of a notice. Never updated."""

    __tablename__ = "notice_action"
    action_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    notice_id: int = Field(sa_type=BigInteger, foreign_key="notice.notice_id")
    action: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    from_state: str = Field(sa_type=Text)
    acted_at: datetime = _time()


class NoticeCursor(SQLModel, table=True):
    """Up to which event a processor's own list was read."""

    __tablename__ = "notice_cursor"
    source: str = Field(sa_column=Column(Text, primary_key=True))
    external_id: str = Field(sa_type=Text)
    happened_at: datetime = _time()
    moved_at: datetime = _time()


class PaymentReversal(SQLModel, table=True):
    """One refund, dispute or early fraud warning: its processor's last word, and what the book took."""

    __tablename__ = "payment_reversal"
    reference: str = Field(sa_column=Column(Text, primary_key=True))
    payment_attempt_id: str = Field(sa_type=Text, foreign_key="payment_attempt.payment_attempt_id")
    cause: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    cents: int = Field(sa_type=BigInteger)
    booked_cents: int = Field(default=0, sa_type=BigInteger)
    refused_cents: int | None = Field(default=None, sa_type=BigInteger)
    takings: int = Field(default=0)
    first_seen_at: datetime = _time()
    changed_at: datetime = _time()


class PaymentReversalState(SQLModel, table=True):
    """One change of a reversal, and the transactions of the book that followed from it."""

    __tablename__ = "payment_reversal_state"
    change_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    reference: str = Field(sa_type=Text, foreign_key="payment_reversal.reference")
    state: str = Field(sa_type=Text)
    cents: int = Field(sa_type=BigInteger)
    booked_cents: int = Field(sa_type=BigInteger)
    transactions: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    detail: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    seen_at: datetime = _time()


class ReversalWatch(SQLModel, table=True):
    """When somebody asks again what has left a payment. `looks` counts the answers written down."""

    __tablename__ = "reversal_watch"
    payment_attempt_id: str = Field(
        sa_type=Text, primary_key=True, foreign_key="payment_attempt.payment_attempt_id"
    )
    looks: int = Field(default=0)
    looked_at: datetime | None = _time(nullable=True)
    look_at: datetime | None = _time(nullable=True)


class RefundRequest(SQLModel, table=True):
    """A refund that the house asks for. `try_at`: when its processor is asked again, while nobody knows."""

    __tablename__ = "refund_request"
    refund_id: str = Field(sa_column=Column(Text, primary_key=True))
    payment_attempt_id: str = Field(sa_type=Text, foreign_key="payment_attempt.payment_attempt_id")
    idempotency_key: str = Field(sa_type=Text, unique=True)
    cents: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    requested_by: str = Field(sa_type=Text)
    requested_at: datetime = _time()
    state: str = Field(sa_type=Text)
    reference: str | None = Field(default=None, sa_type=Text, unique=True)
    failure: str | None = Field(default=None, sa_type=Text)
    tries: int = Field(default=0)
    try_at: datetime | None = _time(nullable=True)
    answered_at: datetime | None = _time(nullable=True)


class PolicyChange(SQLModel, table=True):
    """A value that a policy got by an approved proposal. The newest holds."""

    __tablename__ = "policy_change"
    change_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    name: str = Field(sa_type=Text)
    before: str = Field(sa_type=Text)
    value: str = Field(sa_type=Text)
    proposal_id: int = Field(sa_type=BigInteger, unique=True)
    decision: str = Field(default="approved", sa_type=Text)
    changed_at: datetime = _time()
