"""The rows of agents and their tokens. What they promise is kept by the migration's constraints."""

from datetime import datetime

from sqlalchemy import Column, DateTime, LargeBinary, Text
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
