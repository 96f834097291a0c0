"""The rows of the chain watcher, as Python reads them. What they promise is kept by the migration."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Numeric, Text
from sqlmodel import Field, SQLModel

SEEN = "seen"
CONFIRMED = "confirmed"
FINAL = "final"
ORPHANED = "orphaned"


def _time() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


def _time_or_none() -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))


class ChainCursor(SQLModel, table=True):
    """How far one chain was read, and what its node said then."""

    __tablename__ = "chain_cursor"
    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    generation: int = Field(sa_type=BigInteger)
    block_number: int = Field(sa_type=BigInteger)
    block_hash: str = Field(sa_type=Text)
    block_time: datetime = _time()
    head_number: int = Field(sa_type=BigInteger)
    head_time: datetime = _time()
    depth_policy: str = Field(sa_type=Text)
    confirmed_number: int | None = Field(default=None, sa_type=BigInteger)
    finalized_number: int | None = Field(default=None, sa_type=BigInteger)
    finalized_hash: str | None = Field(default=None, sa_type=Text)
    audited_number: int = Field(sa_type=BigInteger)
    scanned_at: datetime = _time()
    fencing_token: int = Field(default=0, sa_type=BigInteger)
    outflow_number: int | None = Field(default=None, sa_type=BigInteger)
    deeper_than_final_at: datetime | None = _time_or_none()


class Deposit(SQLModel, table=True):
    """One transfer to one of our addresses in one block."""

    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    block_hash: str = Field(sa_column=Column(Text, primary_key=True))
    log_index: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    block_number: int = Field(sa_type=BigInteger)
    block_time: datetime = _time()
    tx_hash: str = Field(sa_type=Text)
    token: str = Field(sa_type=Text)
    sender: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    amount: Decimal = Field(sa_type=Numeric(78))
    state: str = Field(sa_type=Text)
    first_seen_at: datetime = _time()
    confirmed_at: datetime | None = _time_or_none()
    final_at: datetime | None = _time_or_none()
    orphaned_at: datetime | None = _time_or_none()


class ChainLease(SQLModel, table=True):
    """Who reads a chain now."""

    __tablename__ = "chain_lease"
    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    holder: str = Field(sa_type=Text)
    token: int = Field(sa_type=BigInteger)
    held_until: datetime = _time()


class ChainAlarm(SQLModel, table=True):
    """Something that is or was wrong with the reading of a chain."""

    __tablename__ = "chain_alarm"
    alarm_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    chain_id: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    opened_at: datetime = _time()
    last_seen_at: datetime = _time()
    closed_at: datetime | None = _time_or_none()


class ChainOutflow(SQLModel, table=True):
    """One transfer out of one of our addresses, in a final block."""

    __tablename__ = "chain_outflow"
    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    block_hash: str = Field(sa_column=Column(Text, primary_key=True))
    log_index: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    block_number: int = Field(sa_type=BigInteger)
    tx_hash: str = Field(sa_type=Text)
    token: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    recipient: str = Field(sa_type=Text)
    amount: Decimal = Field(sa_type=Numeric(78))
    found_at: datetime = _time()


class ChainBalance(SQLModel, table=True):
    """What an address held when it was last compared, and what it should have held."""

    __tablename__ = "chain_balance"
    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    token: str = Field(sa_column=Column(Text, primary_key=True))
    address: str = Field(sa_column=Column(Text, primary_key=True))
    block_number: int = Field(sa_type=BigInteger)
    balance: Decimal = Field(sa_type=Numeric(78))
    expected: Decimal = Field(sa_type=Numeric(78))
    checked_at: datetime = _time()
