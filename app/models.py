"""The rows of agents, services and their tokens. What they promise is kept by the migrations' constraints."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


class Agent(SQLModel, table=True):
    """Somebody who buys. Without a contact it is found again by its token only."""

    agent_id: str = Field(sa_column=Column(Text, primary_key=True))
    organization_id: str = Field(sa_type=Text, unique=True)
    contact: str | None = Field(default=None, sa_type=Text)
    agent_name: str = Field(sa_type=Text)
    runtime: str = Field(sa_type=Text)
    discovery_source: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))

    @property
    def claim_state(self) -> str:
        """Whether a person has taken responsibility: nobody can yet, and paying does not change it."""
        return "unclaimed"


class AgentToken(SQLModel, table=True):
    """The hash of a token that was shown once."""

    __tablename__ = "agent_token"
    token_hash: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    agent_id: str = Field(sa_type=Text, foreign_key="agent.agent_id")
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class AgentClaim(SQLModel, table=True):
    """An inbox that an agent asked to be claimed by. Only the newest counts, and it proves nothing."""

    __tablename__ = "agent_claim"
    number: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    agent_id: str = Field(sa_type=Text, foreign_key="agent.agent_id")
    contact: str = Field(sa_type=Text)
    requested_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class ServiceToken(SQLModel, table=True):
    """The hash of a service's token that was shown once, and what it may do."""

    __tablename__ = "service_token"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_type=Text)
    token_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    expires_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))

    def valid(self, now: datetime) -> bool:
        """Whether it opens doors at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
