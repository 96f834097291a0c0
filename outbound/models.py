"""The rows of telling others. What they promise is kept by the migration's constraints."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


def _time(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


class Endpoint(SQLModel, table=True):
    """Who wants to be told of which events."""

    __tablename__: ClassVar[str] = "webhook_endpoint"
    endpoint_id: str = Field(sa_column=Column(Text, primary_key=True))
    url: str = Field(sa_type=Text, repr=False)
    event_types: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    state: str = Field(sa_type=Text)
    failing_since: datetime | None = _time(nullable=True)
    quiet_until: datetime | None = _time(nullable=True)
    disabled_at: datetime | None = _time(nullable=True)
    disabled_reason: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()


class EndpointSecret(SQLModel, table=True):
    """What an endpoint's messages are signed with, encrypted."""

    __tablename__: ClassVar[str] = "webhook_secret"
    secret_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    endpoint_id: str = Field(sa_type=Text, foreign_key="webhook_endpoint.endpoint_id")
    sealed: bytes = Field(sa_type=LargeBinary, repr=False)
    created_at: datetime = _time()
    expires_at: datetime | None = _time(nullable=True)


class Event(SQLModel, table=True):
    """What happened, once. Never updated."""

    __tablename__: ClassVar[str] = "webhook_event"
    event_id: str = Field(sa_column=Column(Text, primary_key=True))
    type: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    agent_id: str | None = Field(default=None, sa_type=Text)
    body: str = Field(sa_type=Text)
    occurred_at: datetime = _time()
    created_at: datetime = _time()


class Delivery(SQLModel, table=True):
    """One event for one endpoint. `try_at` is the schedule."""

    __tablename__: ClassVar[str] = "webhook_delivery"
    endpoint_id: str = Field(sa_type=Text, primary_key=True, foreign_key="webhook_endpoint.endpoint_id")
    event_id: str = Field(sa_type=Text, primary_key=True, foreign_key="webhook_event.event_id")
    state: str = Field(sa_type=Text)
    tries: int = Field(default=0)
    try_at: datetime | None = _time(nullable=True)
    delivered_at: datetime | None = _time(nullable=True)
    created_at: datetime = _time()


class Attempt(SQLModel, table=True):
    """One try to deliver, and what came of it. Never updated."""

    __tablename__: ClassVar[str] = "webhook_attempt"
    attempt_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    endpoint_id: str = Field(sa_type=Text)
    event_id: str = Field(sa_type=Text)
    started_at: datetime = _time()
    duration_ms: int
    status: int | None = Field(default=None)
    error: str | None = Field(default=None, sa_type=Text)
    answer: str | None = Field(default=None, sa_type=Text)
