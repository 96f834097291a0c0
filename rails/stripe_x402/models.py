"""The rows of agents' own addresses. What they promise is kept by the migration's constraints."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Numeric, Text
from sqlmodel import Field, SQLModel


def _time() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


def _time_or_none() -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=True))


class AgentDepositAddress(SQLModel, table=True):
    """What Stripe set aside for an agent, once. Never updated."""

    __tablename__ = "agent_deposit_address"
    agent_id: str = Field(sa_column=Column(Text, primary_key=True))
    network: str = Field(sa_column=Column(Text, primary_key=True))
    live_money: bool = Field(primary_key=True)
    address_id: str = Field(sa_type=Text, unique=True)
    address: str = Field(sa_type=Text)
    token_contract: str = Field(sa_type=Text)
    created_at: datetime = _time()


class TransferClaim(SQLModel, table=True):
    """One transfer to an agent's address, and the attempt it belongs to. Without a number it came beside."""

    __tablename__ = "transfer_claim"
    chain_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    tx_hash: str = Field(sa_column=Column(Text, primary_key=True))
    address: str = Field(sa_column=Column(Text, primary_key=True))
    position: int = Field(primary_key=True)
    payment_attempt_id: str = Field(sa_type=Text, foreign_key="payment_attempt.payment_attempt_id")
    number: int | None = Field(default=None)
    amount: Decimal = Field(sa_type=Numeric(78))
    claimed_at: datetime = _time()
    stripe_version: str = Field(sa_type=Text)
    tries: int = Field(default=0)
    asked_at: datetime | None = _time_or_none()
    try_at: datetime | None = _time_or_none()
    refused: str | None = Field(default=None, sa_type=Text)
    intent_id: str | None = Field(default=None, sa_type=Text, unique=True)
    released_at: datetime | None = _time_or_none()


class ClosedDeposit(SQLModel, table=True):
    """An attempt that was closed by hand: no transfer is taken for its payment any more. Never updated."""

    __tablename__ = "closed_deposit"
    payment_attempt_id: str = Field(
        sa_type=Text, primary_key=True, foreign_key="payment_attempt.payment_attempt_id"
    )
    closed_at: datetime = _time()
