"""The rows of reconciliation, as Python reads them. What they promise is kept by the migration."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, Date, DateTime, Identity, Numeric, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _time(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


class KeptMovement(SQLModel, table=True):
    """A movement of the processor's balance, as it was told the first time."""

    __tablename__ = "stripe_balance_transaction"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    type: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    fee: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    source: str | None = Field(default=None, sa_type=Text)
    charge: str | None = Field(default=None, sa_type=Text)
    payment_intent: str | None = Field(default=None, sa_type=Text)
    payment_attempt_id: str | None = Field(default=None, sa_type=Text)
    tax: int = Field(default=0, sa_type=BigInteger)
    transaction_hash: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()
    available_on: datetime = _time()
    kept_at: datetime = _time()


class KeptPayout(SQLModel, table=True):
    """A state that a payout was seen in."""

    __tablename__ = "stripe_payout"
    payout_id: str = Field(sa_column=Column(Text, primary_key=True))
    state: str = Field(sa_column=Column(Text, primary_key=True))
    reconciled: str = Field(sa_column=Column(Text, primary_key=True))
    amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    automatic: bool
    balance_transaction: str | None = Field(default=None, sa_type=Text)
    failure_balance_transaction: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()
    arrives_at: datetime = _time()
    seen_at: datetime = _time()


class PayoutPart(SQLModel, table=True):
    """A movement that an automatic payout consists of."""

    __tablename__ = "stripe_payout_part"
    balance_transaction_id: str = Field(sa_column=Column(Text, primary_key=True))
    payout_id: str = Field(sa_column=Column(Text, primary_key=True))


class ReadUntil(SQLModel, table=True):
    """Until when the books of a processor were read, whole."""

    __tablename__ = "reconciliation_cursor"
    source: str = Field(sa_column=Column(Text, primary_key=True))
    read_until: datetime = _time()
    read_at: datetime = _time()


class Booking(SQLModel, table=True):
    """What was made of one movement."""

    __tablename__ = "stripe_booking"
    balance_transaction_id: str = Field(sa_column=Column(Text, primary_key=True))
    ledger_transaction_id: int | None = Field(default=None, sa_type=BigInteger, unique=True)
    part: str = Field(sa_type=Text)
    payment_attempt_id: str | None = Field(
        default=None, sa_type=Text, foreign_key="payment_attempt.payment_attempt_id"
    )
    rail_id: str | None = Field(default=None, sa_type=Text)
    received_cents: int = Field(sa_type=BigInteger)
    tax_cents: int = Field(sa_type=BigInteger)
    booked_at: datetime = _time()


class Item(SQLModel, table=True):
    """Two witnesses of the same money, side by side."""

    __tablename__ = "reconciliation_item"
    item_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    subject: str = Field(sa_type=Text)
    matter: str = Field(sa_type=Text)
    payment_attempt_id: str | None = Field(
        default=None, sa_type=Text, foreign_key="payment_attempt.payment_attempt_id"
    )
    state: str = Field(sa_type=Text)
    asset: str = Field(sa_type=Text)
    expected_units: Decimal = Field(sa_type=Numeric(78))
    found_units: Decimal = Field(sa_type=Numeric(78))
    day: date = Field(sa_type=Date)
    opened_at: datetime = _time()
    closed_at: datetime | None = _time(nullable=True)
    how: str | None = Field(default=None, sa_type=Text)
    closed_by: str | None = Field(default=None, sa_type=Text)


class ItemState(SQLModel, table=True):
    """A state that an item was in."""

    __tablename__ = "reconciliation_item_state"
    item_id: int = Field(sa_type=BigInteger, primary_key=True, foreign_key="reconciliation_item.item_id")
    place: int = Field(primary_key=True)
    state: str = Field(sa_type=Text)
    expected_units: Decimal = Field(sa_type=Numeric(78))
    found_units: Decimal = Field(sa_type=Numeric(78))
    entered_at: datetime = _time()
    why: str = Field(sa_type=Text)


class Run(SQLModel, table=True):
    """A run that came to its end."""

    __tablename__ = "reconciliation_run"
    run_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    started_at: datetime = _time()
    read_until: datetime = _time()
    kept: int
    booked: int
    opened: int
    closed: int
    breaks: int
    processor_cents: int = Field(sa_type=BigInteger)
    book_cents: int = Field(sa_type=BigInteger)


class KeptDay(SQLModel, table=True):
    """A day by each witness, as the run added it up that last saw it change."""

    __tablename__ = "reconciliation_day"
    day: date = Field(sa_column=Column(Date, primary_key=True))
    deposits: int = Field(sa_type=BigInteger)
    deposited: Decimal = Field(sa_type=Numeric(78))
    gross: int = Field(sa_type=BigInteger)
    tax: int = Field(sa_type=BigInteger)
    fee: int = Field(sa_type=BigInteger)
    net: int = Field(sa_type=BigInteger)
    returned: int = Field(sa_type=BigInteger)
    granted: int = Field(sa_type=BigInteger)
    taken_back: int = Field(sa_type=BigInteger)
    moved: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    states: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    told_at: datetime = _time()


class ShownProgress(SQLModel, table=True):
    """What the run that is at work does now."""

    __tablename__ = "reconciliation_progress"
    one: bool = Field(default=True, primary_key=True)
    step: str = Field(sa_type=Text)
    done: int
    total: int
    started_at: datetime = _time()
    at_work: bool
