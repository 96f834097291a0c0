"""The rows of the chain watcher, as Python reads them. What they promise is kept by the migration."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Numeric, Text
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
